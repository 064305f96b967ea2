"""A timed folder of photos: photos per second, including reading and writing files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from colorcli.batch.engine import Engine
from colorcli.batch.plan import make_plan
from colorcli.batch.run import Batch, Workers
from colorcli.batch.stages import Settings
from colorcli.bench.environment import Environment
from colorcli.bench.peak import PeakMemory
from colorcli.colorizer import Size
from colorcli.errors import PhotoError
from colorcli.files import scratch_folder

_WARM_UP = 4


@dataclass(frozen=True)
class FolderFigures:
    """How fast a folder of photos is coloured, file to file.

    Attributes:
        photos: number coloured.
        failed: number that could not be.
        pixels: total of those coloured.
        seconds: from reading the first photo to writing the last; loading the model is excluded.
        size: long side of the network's input at most, `full` or `auto`.
        peak_memory: bytes, or None if the system does not say.
        environment: what it was measured with.
    """

    photos: int
    failed: int
    pixels: int
    seconds: float
    size: Size
    peak_memory: int | None
    environment: Environment

    @property
    def photos_per_second(self) -> float:
        """Photos coloured per second."""
        return self.photos / self.seconds

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return {**asdict(self), "photos_per_second": self.photos_per_second}


def measure_folder(
    folder: Path,
    engine: Engine,
    *,
    size: Size = "auto",
    tile: int | None = None,
    threads: int | None = None,
    total: Callable[[int], None] = lambda _count: None,
    tick: Callable[[], None] = lambda: None,
    failed: Callable[[Path, str], None] = lambda _photo, _reason: None,
) -> FolderFigures:
    """Colour a folder into a temporary one, as the command does, and delete that.

    Args:
        folder: the photos, subfolders included.
        engine: provides the colorizer.
        size: as in `Colorizer.predict`.
        tile: as in `Colorizer.predict`.
        threads: what the model is loaded with, for the record; if several photos are predicted at
            once, the cores they share are recorded instead.
        total: called with the number of photos.
        tick: called after each photo.
        failed: called for each photo that could not be coloured, with the reason.

    Raises:
        PhotoError: no photo of the folder could be coloured.
        ModelError: the model cannot be loaded.
        DeviceError: the device asked for by name cannot be used.
    """
    settings = Settings(size=size, tile=tile)
    with scratch_folder() as scratch:
        plan = make_plan([str(folder)], output=f"{scratch}/warm-up/")
        jobs = [job for job in plan if job.is_work]
        refused = [(job.source, job.error) for job in plan if job.error is not None]
        workers = Workers.for_batch(len(jobs), settings, engine.cores)
        engine.start(workers.predictors)
        at_once = engine.at_once
        environment = Environment.of(
            engine.colorizer().model, threads if at_once == 1 else engine.cores
        )
        with closing(iter(Batch(jobs[: _WARM_UP * at_once], settings, engine, workers))) as warmed:
            for _ in warmed:
                pass
        jobs = [job for job in make_plan([str(folder)], output=f"{scratch}/photos/") if job.is_work]
        total(len(jobs))
        done = pixels = 0
        peak = PeakMemory()
        began = perf_counter()
        # Closed before its output folder is deleted, even if `tick` is interrupted.
        with closing(iter(Batch(jobs, settings, engine))) as outcomes:
            for outcome in outcomes:
                if outcome.status == "done":
                    done += 1
                    pixels += (outcome.width or 0) * (outcome.height or 0)
                else:
                    refused.append((outcome.source, outcome.reason or outcome.status))
                tick()
        seconds = perf_counter() - began
        memory = peak.bytes()
    for photo, reason in refused:
        failed(photo, reason)
    if not done:
        raise PhotoError(f"{folder}: no photo in it could be coloured")
    return FolderFigures(done, len(refused), pixels, seconds, size, memory, environment)
