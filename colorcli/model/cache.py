"""A per-machine cache of graphs as onnxruntime optimises them while loading.

Folding constants, fusing layers and laying out weights for the CPU's vector width takes far longer
than reading the result back. Results are the same to the last bit. Each entry is a folder named
after everything it depends on, so a new onnxruntime, another CPU or another model has an entry of
its own. A stale or truncated entry, or an unwritable or full folder, is treated as if there were
none. Weights are not hashed again at each start.

`COLORIZE_CACHE` names the folder, or switches the cache off (`off`, `0`, `no`, `none`, `false`, or
empty).
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
"""Entries kept; adding one removes the least recently used beyond this number."""

_OFF = {"", "0", "off", "no", "none", "false"}
_FORMAT = "1"
_SCRATCH = ".new-"
_NAME = re.compile(rf"[0-9a-f]{{32}}|{re.escape(_SCRATCH)}\w+")


def cache_folder() -> Path | None:
    """The folder of all entries; None if the cache is off or there is no home folder."""
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
    """The entry of a graph, whether or not it exists; None without a cache.

    The graph is identified by its path, size, modification time and the hash in `model.json`:
    hashing it again would take half of the time that the cache saves.

    Args:
        path: the graph.
        sha256: its hash in `model.json`, or "".
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
    """A session of an entry; None if it does not exist or is incomplete.

    Args:
        entry: from `entry_folder`.
        open_graph: opens a session of an optimised graph; may raise anything.
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
    """Write an entry, completely or not at all.

    Args:
        entry: from `entry_folder`.
        write_graph: writes the optimised graph to the given path, and its weights to `WEIGHTS`
            beside it; may raise anything.

    Returns:
        Whether the entry exists now.
    """
    scratch: Path | None = None
    try:
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        import tempfile  # with `random`, 2 % of a short run, and only the first run needs it

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
    """Whether it is an entry, complete or not; the folder may hold other things."""
    return (
        _NAME.fullmatch(found.name) is not None
        and found.is_dir(follow_symlinks=False)
        and {GRAPH, WEIGHTS}.issuperset(file.name for file in Path(found.path).iterdir())
    )
