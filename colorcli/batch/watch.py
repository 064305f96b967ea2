"""Watch mode: photos that arrive in a folder, each once it is complete."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from colorcli.batch.plan import Job, make_plan, refuse_name_of_photo
from colorcli.errors import UsageError
from colorcli.looks import is_folder, is_stream
from colorcli.walk import NOT_READ, walk

_Signature = tuple[int, int]  # size, time of the last change


class Watch:
    """A folder that is polled for new photos.

    A photo is taken when two looks in a row find it unchanged, readable and not empty: a copy in
    progress grows. A photo whose output exists is not taken, so a stopped watch resumes where it
    was. A photo that failed is taken again when it changes.

    Args:
        folder: searched recursively.
        output: the output folder; None: `FOLDER.color`.
        format: the format to write; None: that of each photo.
        force: also colour photos whose output exists, when the watch begins and whenever they
            change.
    """

    def __init__(
        self,
        folder: Path,
        *,
        output: str | None,
        format: str | None,  # noqa: A002
        force: bool,
    ) -> None:
        self._folder = folder
        self._output = output
        self._format = format
        self._force = force
        self._last: dict[Path, _Signature] = {}
        self._taken: dict[Path, _Signature] = {}
        self._clashing: set[Path] = set()
        self._closed: set[Path] = set()
        self._passed_over: set[Path] = set()

    def look(self) -> list[Job]:
        """The photos that became complete since the last look, in sorted order.

        Before them, each once, folders that cannot be listed (a share that went away) and pictures
        of unsupported kinds.
        """
        now: dict[Path, _Signature] = {}
        closed: dict[Path, str] = {}
        not_read: list[Path] = []
        leave_out = None if self._output is None else Path(self._output)
        for entry in walk(self._folder, leave_out=leave_out):
            if entry.is_folder and entry.error is not None:
                closed[entry.path] = entry.error
            elif entry.skip == NOT_READ:
                not_read.append(entry.path)
            elif entry.error is None and entry.skip is None:
                signature = _signature(entry.path)
                if signature is not None:
                    now[entry.path] = signature
        news = [
            Job(folder, None, error=error)
            for folder, error in closed.items()
            if folder not in self._closed
        ]
        news += [
            Job(path, None, skip=NOT_READ) for path in not_read if path not in self._passed_over
        ]
        self._closed = set(closed)
        self._passed_over.update(not_read)
        return news + self._complete(now, self._remembered(closed))

    def _remembered(self, closed: Collection[Path]) -> dict[Path, _Signature]:
        """Photos seen in folders that cannot be listed now; they may come back unchanged."""
        if not closed:
            return {}
        return {
            path: signature
            for path, signature in self._last.items()
            if any(folder in closed for folder in path.parents)
        }

    def _complete(
        self, now: dict[Path, _Signature], remembered: dict[Path, _Signature]
    ) -> list[Job]:
        known = remembered | now
        # A removed photo may be the one that others clashed with.
        retry = self._clashing & now.keys() if self._last.keys() - known.keys() else set()
        ready = [
            path
            for path, signature in now.items()
            if self._last.get(path) == signature
            and self._taken.get(path) != signature
            and _can_be_read(path)
        ]
        self._last = known
        self._taken = {path: self._taken[path] for path in self._taken if path in known}
        for path in ready:
            self._taken[path] = now[path]
        return self._jobs(set(ready), retry) if ready or retry else []

    def _jobs(self, ready: set[Path], retry: set[Path]) -> list[Job]:
        """The new jobs of a plan of the whole folder: only that shows all name clashes.

        Args:
            ready: photos that are complete and not taken yet.
            retry: photos that failed over a name clash, to be taken if it is gone.
        """
        try:
            plan = make_plan(
                [str(self._folder)],
                output=self._output,
                format=self._format,
                force=self._force,
                skip_existing=not self._force,
                clashes_fail=True,
            )
        except UsageError as error:  # for example, a symlink out of the output folder
            return [Job(path, None, error=str(error), tip=error.tip) for path in sorted(ready)]
        jobs = [
            job
            for job in plan
            if job.skip is None and (job.source in ready or (job.source in retry and job.is_work))
        ]
        self._clashing -= {job.source for job in jobs}
        self._clashing |= {job.source for job in jobs if job.error}
        return jobs


def check_watch(inputs: list[str], output: str | None) -> Path:
    """The folder to watch.

    Raises:
        UsageError: the inputs are not one folder, or the output cannot be another folder.
    """
    if len(inputs) != 1 or not is_folder(Path(inputs[0])):
        raise UsageError("--watch needs one existing folder")
    if output is not None and (
        output == "-" or is_stream(Path(output)) or os.path.isfile(output)  # noqa: PTH113
    ):
        raise UsageError(f"-o {output}: --watch needs an output folder")
    if output is not None:
        refuse_name_of_photo(output)
    folder = Path(inputs[0])
    if output is not None and is_folder(Path(output)) and folder.samefile(output):
        raise UsageError(f"-o {output}: the output folder is the input folder")
    return folder


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if status.st_size else None


def _can_be_read(path: Path) -> bool:
    """Whether it opens: on Windows not while its writer shares it with nobody."""
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True
