"""A cache of optimised graphs, one a machine: what onnxruntime makes of a graph while it loads it.

Folding constants, fusing layers and laying weights out for the CPU's vector width takes far longer
than reading the result back. Results are the same to the last bit. An entry is a folder of its own,
named after everything it depends on, so a new onnxruntime, another CPU or another model simply
look elsewhere; what onnxruntime finds wrong with an entry, or the system with the folder (stale,
unwritable, full, cut off), is as if there were none. Weights are not hashed anew at each start.

`COLORIZE_CACHE` names the folder, or switches the cache off (`off`, `0`, or empty).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colorcli.processor import cpu_identity

GRAPH = "graph.onnx"
WEIGHTS = "graph.data"

KEPT = 32
"""Entries kept; the least recently used beyond them are removed when one is added."""

_OFF = {"", "0", "off", "no", "none", "false"}
_FORMAT = "1"
_SCRATCH = ".new-"
_NAME = re.compile(rf"[0-9a-f]{{32}}|{re.escape(_SCRATCH)}\w+")


def cache_folder() -> Path | None:
    """Where entries lie, or None if the cache is switched off or has no home."""
    chosen = os.environ.get("COLORIZE_CACHE")
    if chosen is not None:
        return None if chosen.strip().lower() in _OFF else Path(chosen)
    try:
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            return Path(local or Path.home() / "AppData" / "Local") / "colorize" / "cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "colorize"
        base = os.environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: a relative path is to be ignored.
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "colorize"
    except RuntimeError:  # no home
        return None


def entry_folder(path: Path, *, sha256: str, runtime: str) -> Path | None:
    """Where the optimised form of a graph lies, whether or not it is there; None without a cache.

    The graph is known by its path, size, time of change and the hash that its model states:
    hashing it anew would take half of the time that the cache saves.

    Args:
        path: of the graph.
        sha256: what `model.json` states, or "".
        runtime: version of onnxruntime.
    """
    folder = cache_folder()
    if folder is None:
        return None
    try:
        status = path.stat()
        known = (str(path.resolve()), str(status.st_size), str(status.st_mtime_ns), sha256)
    except OSError:
        return None
    text = "\0".join((_FORMAT, runtime, cpu_identity(), *known))
    return folder / hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def load(entry: Path, open_graph: Callable[[Path], Any]) -> Any | None:
    """A session of an entry, or None if it is not there or is not whole.

    Args:
        entry: from `entry_folder`.
        open_graph: makes a session of an optimised graph; may raise anything.
    """
    if not os.path.isdir(entry):  # noqa: PTH112  (`Path.is_dir` may raise)
        return None
    try:
        session = open_graph(entry / GRAPH)
    except Exception:  # onnxruntime's own exceptions share no base class
        shutil.rmtree(entry, ignore_errors=True)
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)  # used just now: see `KEPT`
    return session


def save(entry: Path, write_graph: Callable[[Path], None]) -> bool:
    """Make an entry, whole or not at all.

    Args:
        entry: from `entry_folder`.
        write_graph: writes the optimised graph to the path given, and its weights to `WEIGHTS`
            beside it; may raise anything.

    Returns:
        Whether the entry is there now.
    """
    scratch: Path | None = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        import tempfile  # with `random`, a fiftieth of a short run, and the first alone needs it

        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=entry.parent))
        write_graph(scratch / GRAPH)
        for file in scratch.iterdir():
            _sync(file)
        # Fails if another process was faster; its entry is as good.
        scratch.rename(entry)
    except Exception:  # OSError, or onnxruntime's own; the caller loads the graph itself
        return os.path.isdir(entry)  # noqa: PTH112
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    _prune(entry.parent)
    return True


def _sync(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _prune(folder: Path) -> None:
    with contextlib.suppress(OSError):
        entries = [(e.stat().st_mtime, e.path) for e in os.scandir(folder) if _is_entry(e)]
        for _, path in sorted(entries, reverse=True)[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


def _is_entry(found: os.DirEntry[str]) -> bool:
    """Whether it is an entry, or what a killed run left of one: the folder may hold others."""
    return (
        _NAME.fullmatch(found.name) is not None
        and found.is_dir(follow_symlinks=False)
        and {GRAPH, WEIGHTS}.issuperset(file.name for file in Path(found.path).iterdir())
    )
