"""A training run on disk: settings, checkpoint, log, plot, contact sheets."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import math
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import torch

from colorcli.errors import UsageError
from colorcli.files import fill, whole_file, write_whole
from colorcli.training.config import TrainConfig
from colorcli.training.probe import FILE as PROBE

if sys.platform != "win32":
    import fcntl


@dataclass(frozen=True)
class Run:
    """The folder of a run."""

    CHECKPOINT: ClassVar[str] = "checkpoint.pt"
    _STATE: ClassVar[set[str]] = {"network", "ema", "objective", "optimizer", "progress"}

    folder: Path

    @property
    def config_path(self) -> Path:
        """Settings (`TrainConfig`)."""
        return self.folder / "config.json"

    @property
    def checkpoint_path(self) -> Path:
        """Everything needed to resume."""
        return self.folder / self.CHECKPOINT

    @property
    def log_path(self) -> Path:
        """One row per report."""
        return self.folder / "log.csv"

    @property
    def plot_path(self) -> Path:
        """The log as curves."""
        return self.folder / "loss.png"

    @property
    def sheets_folder(self) -> Path:
        """A contact sheet per report, named by the photos seen."""
        return self.folder / "sheets"

    @property
    def epochs_folder(self) -> Path:
        """Predictions for the same photos at each report (`Snapshots`)."""
        return self.folder / "epochs"

    @property
    def scenes_path(self) -> Path:
        """Names of the scene classes, if the run learns them."""
        return self.folder / "scenes.json"

    @property
    def labels_path(self) -> Path:
        """Labels of the training photos."""
        return self.folder / "labels.json"

    @property
    def photos_path(self) -> Path:
        """Which photos the run trains on (`Membership`)."""
        return self.folder / "photos.json"

    def refuse_strangers(self) -> None:
        """Refuse a folder with a file that a run would replace but no run wrote.

        Raises:
            UsageError: there is one.
        """
        tip = "choose another folder with --out"
        if self.config_path.exists():
            try:
                TrainConfig.load(self.config_path)
            except UsageError as error:
                raise UsageError(str(error), tip=tip) from None
            return
        for path in (
            self.log_path,
            self.plot_path,
            self.scenes_path,
            self.labels_path,
            self.photos_path,
            self.folder / PROBE,
        ):
            if path.exists():
                raise UsageError(f"{path}: exists and was not written by a training run", tip=tip)

    def start_anew(self) -> None:
        """Remove the reports of a run that left no checkpoint: the next run's would mix with them.

        Only files with the names of reports, and only in the folder of a run: others may be in it.
        """
        if not self.config_path.exists():
            return
        pictures = (*self.sheets_folder.glob("*.png"), *self.epochs_folder.glob("*.npz"))
        reported = (path for path in pictures if re.fullmatch(r"\d{9,}", path.stem))
        for path in (self.log_path, self.plot_path, self.scenes_path, *reported):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the folder's lock, where the system has locks, so that no other training uses it.

        A folder that did not exist is created, and removed again if it stays empty.

        Raises:
            UsageError: another training holds the lock.
        """
        made = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = None if sys.platform == "win32" else os.open(self.folder, os.O_RDONLY)
        try:
            if descriptor is not None:
                self._lock(descriptor)
            yield
        finally:
            if made:
                with contextlib.suppress(OSError):  # not empty
                    self.folder.rmdir()
            if descriptor is not None:
                os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):  # others: no locks on this file system
                raise UsageError(
                    f"{self.folder}: another training is using it",
                    tip="wait for it, or give another --out",
                ) from None

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint atomically: an interruption leaves the old one or the new one.

        Raises:
            PhotoError: it cannot be written.
        """
        with whole_file(self.checkpoint_path, replace=True) as file:
            heard = _Heard(file)
            try:
                torch.save(state, cast(IO[bytes], heard))
            except RuntimeError:
                if heard.refused is None:
                    raise
                raise heard.refused from None

    def load_checkpoint(self) -> dict[str, Any]:
        """Read the checkpoint into CPU memory.

        Raises:
            UsageError: it is missing, broken, or another program's.
        """
        tip = "give the folder that `colorize train --out` wrote"
        path = self.checkpoint_path
        try:
            # PyTorch would silently load weights with flipped bits.
            with zipfile.ZipFile(path) as file:
                damaged = file.testzip()
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # what a damaged file may raise has no common class
            name = type(error).__name__
            raise UsageError(f"{path}: the checkpoint cannot be read ({name})", tip=tip) from None
        if damaged is not None:
            raise UsageError(
                f"{path}: damaged, its checksum is wrong",
                tip="restore a backup, or train again",
            )
        if not isinstance(state, dict) or not state.keys() >= self._STATE:
            raise UsageError(
                f"{self.checkpoint_path}: not a checkpoint of `colorize train`", tip=tip
            )
        return state

    def append_log(self, row: dict[str, float]) -> None:
        """Add a row to the log; columns that older rows lack are left empty in them.

        Raises:
            PhotoError: it cannot be written.
        """
        self._write_log([*self.read_log(), row])

    def trim_log(self, seen: int) -> None:
        """Drop rows logged after the last checkpoint, since those steps will be repeated."""
        rows = self.read_log()
        kept = [row for row in rows if row["photos_seen"] <= seen]
        if len(kept) < len(rows):
            self._write_log(kept)

    def _write_log(self, rows: list[dict[str, float]]) -> None:
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(_written(row) for row in rows)
        write_whole(self.log_path, text.getvalue().encode(), replace=True)

    def read_log(self) -> list[dict[str, float]]:
        """The rows of the log; NaN where a row lacks a value."""
        if not self.log_path.exists():
            return []
        try:
            with self.log_path.open(newline="", encoding="utf-8") as file:
                rows = [
                    {k: float(v) if v else math.nan for k, v in row.items()}
                    for row in csv.DictReader(file)
                ]
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise _broken(self.log_path, "the log of a run", error) from None
        if not all("photos_seen" in row for row in rows):
            raise _broken(self.log_path, "the log of a run", "photos_seen is missing")
        return rows

    def save_scenes(self, names: list[str]) -> None:
        """Write the scene classes, in the order of their logits."""
        _write_names(self.scenes_path, names)

    def read_scenes(self) -> list[str]:
        """The scene classes; empty if the run has none."""
        return _read_names(self.scenes_path)

    def save_labels(self, names: list[str]) -> None:
        """Write the labels of the training photos."""
        _write_names(self.labels_path, names)

    def read_labels(self) -> list[str]:
        """The labels of the training photos; empty if they have none."""
        return _read_names(self.labels_path)


def _write_names(path: Path, names: list[str]) -> None:
    write_whole(path, (json.dumps(names, indent=0) + "\n").encode(), replace=True)


def _read_names(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, "a list of names", error) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _broken(path, "a list of names", "it holds something else")
    return names


def _broken(path: Path, what: str, why: object) -> UsageError:
    return UsageError(f"{path}: not {what} ({why})", tip="move it away, or restore a backup")


class _Heard:
    """A file that keeps its write error: PyTorch reports only that something went wrong."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.refused: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            fill(self._file, data)
        except OSError as error:
            self.refused = error
            raise
        return len(data)

    def flush(self) -> None:
        """Does nothing: writes are unbuffered."""


def _written(row: dict[str, float]) -> dict[str, str]:
    return {key: "" if math.isnan(value) else f"{value:.6g}" for key, value in row.items()}
