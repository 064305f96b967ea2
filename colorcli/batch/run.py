"""Many photos: load | predict | save, overlapped.

A few threads read photos ahead. One thread with all cores predicts them, or, if there are many
photos and the network sees them small, one thread per core, so that cores need not wait for each
other. A few more threads encode and write. Stages are joined by bounded windows, and photos
waiting to be saved are also bounded by their pixels, so memory does not grow with the batch.
Outcomes come in the order of the plan. A bad photo is an outcome; it does not end the batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from colorcli.batch.engine import PHOTOS_A_CORE, Engine
from colorcli.batch.outcome import Outcome
from colorcli.batch.plan import Job
from colorcli.batch.refusals import STREAM
from colorcli.batch.stages import Settings, Work, load, predict, save
from colorcli.files import try_folder, unwritable
from colorcli.looks import is_stream
from colorcli.memory import keep_freed_memory

# Photos waiting to be saved hold at most this many pixels in total (a larger one passes alone).
ROOM_PIXELS = 64_000_000

# Seconds between checks of a wait for whether the batch was stopped. On Windows a wait without a
# timeout cannot be interrupted.
_GLANCE = 0.1


# Predicting more photos at once would cost more memory than the time saved is worth.
_MOST_AT_ONCE = 8

# Long side in pixels up to which several photos are predicted at once: about 80 MB a pass.
_SMALL = 512


class Workers(NamedTuple):
    """How many photos are read, predicted and saved at once."""

    loaders: int
    savers: int
    predictors: int = 1

    @classmethod
    def for_batch(cls, photos: int, settings: Settings, cores: int) -> Workers:
        """The number of each for a batch.

        Args:
            photos: number of photos in the batch.
            settings: decide whether the network sees photos small.
            cores: number the network may use.
        """
        size = settings.size
        small = size == "auto" or (isinstance(size, int) and size <= _SMALL)
        many = photos >= PHOTOS_A_CORE * cores
        return cls(
            loaders=max(1, min(4, cores // 4)),
            savers=max(2, min(8, cores // 2)),
            predictors=min(_MOST_AT_ONCE, cores) if small and many else 1,
        )


class Batch:
    """Runs jobs. Iterate once for their outcomes, in the order of the jobs.

    Args:
        jobs: the plan.
        settings: how each photo is coloured and written.
        engine: the colorizer; started only if a job needs it, and reusable for the next batch.
        workers: threads; None: chosen by the batch and the cores. An engine already started for
            fewer predictors keeps that number.
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
        photos = sum(job.is_work for job in jobs)
        self._workers = workers or Workers.for_batch(photos, settings, engine.cores)
        if self._workers.predictors > 1:
            keep_freed_memory(block=32 << 20, total=256 << 20)
        self._loaders = ThreadPoolExecutor(self._workers.loaders, "colorize-load")
        self._savers = ThreadPoolExecutor(self._workers.savers, "colorize-save")
        self._room = _Room(ROOM_PIXELS, self._workers.savers + 1)
        self._upcoming = iter(self._jobs)
        self._window: deque[tuple[Job, Future[Work] | None]] = deque()
        self._blocked: dict[Path, OSError] = {}
        self._taking = threading.Lock()
        self._changed = threading.Condition()
        self._outcomes: deque[Future[Outcome]] = deque()
        self._state: Literal["running", "stopping", "ended"] = "running"
        self._predicting = 1
        self._saving = 0
        self._fault: BaseException | None = None

    def stop(self) -> None:
        """Starts no further photo; those being written are finished. Safe in a signal handler.

        The iteration yields the outcomes that are finished, then ends.
        """
        if self._state == "running":
            self._state = "stopping"

    def __iter__(self) -> Generator[Outcome, None, None]:
        """Yields one outcome per job, or fewer after `stop`.

        Raises:
            ModelError: the model cannot be loaded; no photo was coloured.
            DeviceError: the device asked for cannot be used; likewise.
            UsageError: a setting is invalid for every photo.
        """
        self._start(self._lead)
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
            self._finish_saving()

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
        self._finish_saving()
        with self._changed:
            while self._outcomes:
                if (outcome := self._outcomes.popleft()).done():
                    return outcome
        return None

    def _finish_saving(self) -> None:
        """After a stop: waits for photos being written, drops those behind them."""
        with self._changed:
            self._savers.shutdown(wait=False, cancel_futures=True)
            while self._saving:  # a large one takes minutes, in which a second Ctrl-C must be heard
                self._changed.wait(_GLANCE)
        self._savers.shutdown()

    def _start(self, target: Callable[[], None]) -> None:
        # A daemon, so that an interrupt need not wait for a prediction.
        threading.Thread(target=target, name="colorize-predict", daemon=True).start()

    def _lead(self) -> None:
        """The first predicting thread: prepares the folders, and starts the others."""
        with self._ending():
            self._blocked = self._prepare_folders()
            self._work_off(calls_others=True)

    def _follow(self) -> None:
        with self._ending():
            self._work_off()

    def _work_off(self, *, calls_others: bool = False) -> None:
        while (taken := self._take()) is not None:
            job, loading, outcome = taken
            try:
                # The first photo starts the engine, which says how many threads may share it.
                if calls_others and loading is not None:
                    calls_others = False
                    self._call_others()
                self._work(job, loading, outcome)
            except BaseException:
                outcome.cancel()
                raise

    def _call_others(self) -> None:
        for _ in range(min(self._workers.predictors, self._engine.at_once) - 1):
            with self._changed:
                self._predicting += 1
            try:
                self._start(self._follow)
            except RuntimeError:  # no more threads available: the existing ones do the work
                with self._changed:
                    self._predicting -= 1
                return

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Wraps a thread's work: keeps an error, and the last thread to end ends the batch."""
        try:
            yield
        except BaseException as error:  # re-raised in the thread that iterates
            with self._changed:
                if self._state == "running" and self._fault is None:
                    self._fault = error
        finally:
            with self._changed:
                self._predicting -= 1
                if self._state == "running" and not self._predicting:
                    self._state = "ended"
                self._changed.notify_all()

    def _take(self) -> tuple[Job, Future[Work] | None, Future[Outcome]] | None:
        """The next job, its load in progress, and the future of its outcome; None at the end."""
        with self._taking:
            if self._state != "running" or self._fault is not None:
                return None
            while len(self._window) <= self._workers.loaders and (
                job := next(self._upcoming, None)
            ):
                future = None
                job = _settled(job, self._blocked)
                if job.is_work:
                    self._engine.start(self._workers.predictors)
                    future = self._loaders.submit(load, job, self._settings)
                self._window.append((job, future))
            if not self._window:
                return None
            outcome: Future[Outcome] = Future()
            with self._changed:
                self._outcomes.append(outcome)
            return *self._window.popleft(), outcome

    def _work(self, job: Job, loading: Future[Work] | None, outcome: Future[Outcome]) -> None:
        """Predicts a photo and passes it on to be saved."""
        if loading is None:
            self._deliver(outcome, _known(job))
            return
        work = loading.result()
        colorizer = self._engine.colorizer()  # an error here is of the batch, not of the photo
        predict(work, colorizer, self._settings)
        if work.ab is None:
            self._deliver(outcome, work.outcome())
            return
        pixels = work.pixels

        def saved(saving: Future[Outcome]) -> None:
            self._room.leave(pixels)
            if saving.cancelled():
                outcome.cancel()
            elif (error := saving.exception()) is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(saving.result())
            with self._changed:
                self._saving -= 1
                self._changed.notify_all()

        self._room.enter(pixels, self._is_stopping)
        with self._changed:  # so that a stop cannot shut the savers down after the check
            if self._state == "running":
                saving = self._savers.submit(save, work, colorizer.name, self._settings)
                self._saving += 1
                saving.add_done_callback(saved)

    def _deliver(self, outcome: Future[Outcome], value: Outcome) -> None:
        outcome.set_result(value)
        with self._changed:
            self._changed.notify_all()

    def _is_stopping(self) -> bool:
        return self._state != "running"

    def _prepare_folders(self) -> dict[Path, OSError]:
        """Removes what killed runs left in the output folders, and tries to write to each once.

        Returns:
            The folders that cannot be written to; their photos fail before they are coloured.
        """
        targets = (job.target for job in self._jobs if job.is_work)
        folders = {t.parent for t in targets if t and t != STREAM and not is_stream(t)}
        blocked: dict[Path, OSError] = {}
        for folder in folders:
            if (error := try_folder(folder)) is not None:
                blocked[folder] = error
        return blocked


def _settled(job: Job, blocked: dict[Path, OSError]) -> Job:
    """The job, with an error if its folder is `blocked`."""
    if job.target is None or not job.is_work or job.target == STREAM:
        return job
    if (error := blocked.get(job.target.parent)) is None or is_stream(job.target):
        return job
    failure = unwritable(job.target, error)
    return job._replace(error=str(failure), tip=failure.tip)


def _known(job: Job) -> Outcome:
    """The outcome of a job that needs no work."""
    if job.skip is not None:
        return Outcome(job.source, job.target, "skipped", reason=job.skip)
    return Outcome(job.source, job.target, "failed", reason=job.error, tip=job.tip)


class _Room:
    """Bounds the photos that wait to be saved, by number and by total pixels."""

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
        """Returns what `enter` took."""
        with self._changed:
            self._held_pixels -= pixels
            self._held_photos -= 1
            self._changed.notify_all()

    def _fits(self, pixels: int) -> bool:
        if self._held_photos == 0:
            return True  # a photo larger than the room passes alone
        return self._held_photos < self._photos and self._held_pixels + pixels <= self._pixels
