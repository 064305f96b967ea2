"""The three stages of a photo. An error in one becomes the photo's outcome."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from colorcli.batch.outcome import Outcome
from colorcli.batch.plan import OUTPUT_EXISTS, Job
from colorcli.batch.refusals import STREAM
from colorcli.errors import ColorizeError, ExistsError, PhotoError, UsageError
from colorcli.files import write_whole
from colorcli.looks import stays_inside
from colorcli.memory import is_out_of_memory
from colorcli.photo import FORMATS, Limits, Photo, encode_photo, read_photo
from colorcli.photo.read import read_up_to
from colorcli.photo.xmp import says_predicted
from colorcli.walk import EARLIER_OUTPUT

if TYPE_CHECKING:
    from colorcli.abmap import AbMap
    from colorcli.colorizer import Colorizer


class Settings(NamedTuple):
    """How each photo of a batch is coloured and written.

    Attributes:
        size: long side of the network's input in pixels, `full` (the photo's own) or `auto`.
        tile: side of a tile in pixels; None: by the memory available.
        vividness: above 1 more vivid, below 1 paler; as in `Model.ab`.
        quality: of lossy formats, 1 to 100; None: as `encode_photo` chooses.
        mark: whether to record in the metadata that the colours are predicted.
        replace: whether to replace existing outputs.
        skip_existing: whether a photo whose output appeared after planning is skipped rather than
            failed.
        limits: on the photos read.
    """

    size: int | Literal["full", "auto"] = "auto"
    tile: int | None = None
    vividness: float = 1.0
    quality: int | None = None
    mark: bool = True
    replace: bool = False
    skip_existing: bool = False
    limits: Limits = Limits()


@dataclass(slots=True)
class Work:
    """One photo as it passes through the stages."""

    job: Job
    photo: Photo | None = None
    ab: AbMap | None = None
    shape: tuple[int, int] | None = None
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    failure: ColorizeError | None = None
    skip: str | None = None
    trace: str | None = None

    @property
    def pixels(self) -> int:
        """Pixels of the photo; 0 before it is read."""
        return 0 if self.shape is None else self.shape[0] * self.shape[1]

    def outcome(self) -> Outcome:
        """Its outcome, after the last stage that ran."""
        height, width = self.shape or (None, None)
        failure = self.failure
        return Outcome(
            source=self.job.source,
            target=self.job.target,
            status="failed" if failure else "skipped" if self.skip else "done",
            reason=self.skip if failure is None else self._reason(str(failure)),
            tip=None if failure is None else failure.tip,
            seconds=self.seconds,
            width=width,
            height=height,
            warnings=tuple(self.warnings),
            trace=self.trace,
        )

    def _reason(self, message: str) -> str:
        # Errors name the file, and so does the outcome: once is enough.
        name = "standard input" if self.job.source == STREAM else str(self.job.source)
        return message.removeprefix(f"{name}: ")

    @contextmanager
    def stage(self) -> Iterator[None]:
        """Times a stage, and records an error in it."""
        began = time.perf_counter()
        try:
            yield
        except UsageError:
            raise  # the command line is wrong for every photo, not for this one
        except ColorizeError as error:
            self.failure = error
        except Exception as error:
            if is_out_of_memory(error):
                said = "not enough memory for this photo"
                self.failure = PhotoError(said, tip="close other programs")
            else:
                # A bug in this program: it costs one photo, not the batch.
                self.failure = PhotoError(
                    f"unforeseen {type(error).__name__}: {error}",
                    tip="COLORIZE_DEBUG=1 shows the traceback; please report it",
                )
                self.trace = traceback.format_exc()
        finally:
            self.seconds += time.perf_counter() - began
            if self.failure is not None:
                self.photo = self.ab = None


def load(job: Job, settings: Settings) -> Work:
    """Reads the photo of a job. One found in a folder is skipped if it is an earlier output."""
    work = Work(job)
    with work.stage():
        if job.source == STREAM:
            data = _read_standard_input(settings.limits)
            photo = read_photo(data, limits=settings.limits, name="standard input")
        else:
            photo = read_photo(job.source, limits=settings.limits)
        work.shape = (photo.shape[0], photo.shape[1])
        if job.found and says_predicted(photo.metadata.xmp):
            work.skip = EARLIER_OUTPUT
        else:
            work.photo = photo
            work.warnings.extend(photo.warnings)
    return work


def predict(work: Work, colorizer: Colorizer, settings: Settings) -> None:
    """Predicts the colours of a photo, unless reading it failed or showed an earlier output."""
    if work.photo is None:
        return
    with work.stage():
        work.ab = colorizer.predict(
            work.photo, size=settings.size, tile=settings.tile, vividness=settings.vividness
        )


def save(work: Work, model: str, settings: Settings) -> Outcome:
    """Writes a photo that was coloured with `model`, and releases its pixels."""
    with work.stage():
        assert work.photo is not None
        assert work.ab is not None
        job = work.job
        target = job.target or STREAM
        own = work.photo.format if work.photo.format in FORMATS.values() else "png"
        data = encode_photo(
            work.photo,
            work.ab,
            format=job.format or own,
            quality=settings.quality,
            mark=settings.mark,
            model=model,
            warn=work.warnings.append,
        )
        if target == STREAM:
            _write_standard_output(data)
        else:
            if job.root is not None and not stays_inside(target.parent, job.root):
                raise PhotoError(f"{target}: leads outside the output folder {job.root}")
            try:
                write_whole(target, data, replace=settings.replace)
            except ExistsError:
                if not settings.skip_existing:
                    raise
                work.skip = OUTPUT_EXISTS
    work.photo = work.ab = None
    return work.outcome()


def _read_standard_input(limits: Limits) -> bytes:
    if sys.stdin is None:
        raise PhotoError("standard input: it is closed")
    data = read_up_to(sys.stdin.buffer, limits.bytes)
    if len(data) > limits.bytes:
        raise PhotoError(
            f"standard input: more than {limits.bytes} bytes", tip="--max-bytes raises the limit"
        )
    return data


def _write_standard_output(data: bytes) -> None:
    if sys.stdout is None:
        raise PhotoError("standard output: it is closed")
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise PhotoError(f"standard output: {error.strerror}") from error
