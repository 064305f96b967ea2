"""Many photos: load | predict | save, overlapped.

Photos are read ahead by a few threads, predicted by one (the network takes all cores or the GPU
anyway), encoded and written by a few more. Each hands over through a bounded window, and photos
that wait to be saved are bounded by their pixels too, so memory does not grow with the batch.
Outcomes come in the order of the plan. One bad photo is an outcome, not an end.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from colorcli.batch.engine import Engine
from colorcli.batch.outcome import Outcome
from colorcli.batch.plan import STREAM, Job
from colorcli.batch.stages import Settings, Work, load, predict, save
from colorcli.files import is_stream, try_folder, unwritable

# Photos waiting to be saved hold at most so many pixels together (one larger may pass alone).
ROOM_PIXELS = 64_000_000

# How often a wait looks whether the batch was stopped. A wait without end could not be interrupted
# on Windows.
_GLANCE = 0.1


@dataclass(frozen=True, slots=True)
class Workers:
    """How many photos are read and saved at once."""

    loaders: int
    savers: int

    @classmethod
    def for_cores(cls, cores: int) -> Workers:
        """A few of each, leaving the cores to the network."""
        return cls(loaders=max(1, min(4, cores // 4)), savers=max(1, min(8, cores // 2)))


class Batch:
    """Jobs on their way. Iterate once for their outcomes, in the order of the jobs.

    Args:
        jobs: the plan.
        settings: how each photo is coloured and written.
        engine: the colorizer; started only if a job needs it, and kept for the next batch.
        workers: threads; None: by the cores of this machine.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        settings: Settings,
        engine: Engine,
        workers: Workers | None = None,
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._engine = engine
        self._workers = workers or Workers.for_cores(os.cpu_count() or 1)
        self._loaders = ThreadPoolExecutor(self._workers.loaders, "colorize-load")
        self._savers = ThreadPoolExecutor(self._workers.savers, "colorize-save")
        self._room = _Room(ROOM_PIXELS, self._workers.savers + 1)
        self._changed = threading.Condition()
        self._outcomes: deque[Future[Outcome]] = deque()
        self._state: Literal["running", "stopping", "ended"] = "running"
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """Begins no other photo; those being written are finished. Safe in a signal handler.

        The iteration goes on over what is finished, then ends.
        """
        if self._state == "running":
            self._state = "stopping"

    def __iter__(self) -> Generator[Outcome, None, None]:
        """Yields an outcome a job, or fewer after `stop`.

        Raises:
            ModelError: the model cannot be loaded; no photo was coloured.
            DeviceError: the device asked for cannot be used; as above.
        """
        conductor = threading.Thread(target=self._conduct, name="colorize-predict", daemon=True)
        conductor.start()
        try:
            while (future := self._next()) is not None:
                try:
                    yield future.result()
                except CancelledError:
                    continue
            if self._fault is not None:
                raise self._fault
        finally:
            self.stop()
            self._loaders.shutdown(wait=False, cancel_futures=True)
            self._savers.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> Future[Outcome] | None:
        """The next outcome, finished; None at the end."""
        while True:
            with self._changed:
                if self._outcomes and self._outcomes[0].done():
                    return self._outcomes.popleft()
                if self._state == "stopping":
                    break
                if self._state == "ended" and not self._outcomes:
                    return None
                self._changed.wait(_GLANCE)
        # Stopping: photos being written are waited for, those behind them are dropped.
        self._savers.shutdown(wait=True, cancel_futures=True)
        with self._changed:
            return self._outcomes.popleft() if self._outcomes else None

    def _conduct(self) -> None:
        """The thread that predicts: takes photos as they are loaded, passes them on to be saved."""
        try:
            blocked = self._prepare_folders()
            window: deque[tuple[Job, Future[Work] | None]] = deque()
            upcoming = iter(self._jobs)
            while self._state == "running":
                while len(window) <= self._workers.loaders and (job := next(upcoming, None)):
                    future = None
                    job = _settled(job, blocked)
                    if job.is_work:
                        self._engine.start()
                        future = self._loaders.submit(load, job, self._settings)
                    window.append((job, future))
                if not window:
                    break
                job, future = window.popleft()
                if future is None:
                    self._deliver(_known(job))
                else:
                    self._pass_on(future.result())
        except BaseException as error:  # handed over to the thread that iterates
            if self._state == "running":
                self._fault = error
        finally:
            with self._changed:
                if self._state == "running":
                    self._state = "ended"
                self._changed.notify_all()

    def _pass_on(self, work: Work) -> None:
        colorizer = self._engine.colorizer()  # its error is that of the batch, not of the photo
        predict(work, colorizer, self._settings)
        if work.failure is not None:
            self._deliver(work.outcome())
            return
        self._room.enter(work.pixels, self._is_stopping)
        with self._changed:
            if self._state != "running":
                return
            future = self._savers.submit(save, work, colorizer.name, self._settings)
            self._outcomes.append(future)
        pixels = work.pixels
        future.add_done_callback(lambda _: self._leave(pixels))

    def _leave(self, pixels: int) -> None:
        self._room.leave(pixels)
        with self._changed:
            self._changed.notify_all()

    def _deliver(self, outcome: Outcome) -> None:
        future: Future[Outcome] = Future()
        future.set_result(outcome)
        with self._changed:
            self._outcomes.append(future)
            self._changed.notify_all()

    def _is_stopping(self) -> bool:
        return self._state != "running"

    def _prepare_folders(self) -> dict[Path, OSError]:
        """Cleans what killed runs left in the folders to be written to, and tries each once.

        Returns:
            The folders that nothing can be written into: their photos need not be coloured first.
        """
        targets = (job.target for job in self._jobs if job.is_work)
        folders = {t.parent for t in targets if t and t != STREAM and not is_stream(t)}
        blocked: dict[Path, OSError] = {}
        for folder in folders:
            if (error := try_folder(folder)) is not None:
                blocked[folder] = error
        return blocked


def _settled(job: Job, blocked: dict[Path, OSError]) -> Job:
    """The job, failed already if its folder is one of those `blocked`."""
    if job.target is None or not job.is_work or job.target == STREAM:
        return job
    if (error := blocked.get(job.target.parent)) is None or is_stream(job.target):
        return job
    failure = unwritable(job.target, error)
    return replace(job, error=str(failure), tip=failure.tip)


def _known(job: Job) -> Outcome:
    """The outcome of a job that needs no work."""
    if job.skip is not None:
        return Outcome(job.source, job.target, "skipped", reason=job.skip)
    return Outcome(job.source, job.target, "failed", reason=job.error, tip=job.tip)


class _Room:
    """The bound on photos that wait to be saved: their number, and their pixels together."""

    def __init__(self, pixels: int, photos: int) -> None:
        self._pixels = pixels
        self._photos = photos
        self._held_pixels = 0
        self._held_photos = 0
        self._changed = threading.Condition()

    def enter(self, pixels: int, given_up: Callable[[], bool]) -> None:
        """Waits until there is room, or until `given_up`."""
        with self._changed:
            while not self._fits(pixels) and not given_up():
                self._changed.wait(_GLANCE)
            self._held_pixels += pixels
            self._held_photos += 1

    def leave(self, pixels: int) -> None:
        """Gives back what `enter` took."""
        with self._changed:
            self._held_pixels -= pixels
            self._held_photos -= 1
            self._changed.notify_all()

    def _fits(self, pixels: int) -> bool:
        if self._held_photos == 0:
            return True  # one larger than the room passes alone
        return self._held_photos < self._photos and self._held_pixels + pixels <= self._pixels
