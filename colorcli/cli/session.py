"""One run of the main job: plan it, run it, report it, and end with the right status."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from colorcli.batch.engine import Engine
from colorcli.batch.names import format_named
from colorcli.batch.outcome import Report
from colorcli.batch.plan import Job, make_plan, refuse_both
from colorcli.batch.refusals import STREAM, writes
from colorcli.batch.run import Batch
from colorcli.batch.stages import Settings
from colorcli.cli import COMMANDS, messages
from colorcli.cli.reporter import Reporter
from colorcli.errors import PhotoError, UsageError
from colorcli.files import try_folder, write_whole
from colorcli.interruption import interruptible
from colorcli.looks import NO_SUCH_FILE, is_folder, is_stream, is_too_long

# Seconds between looks; a photo is taken once two of them find it unchanged.
_LOOK_EVERY = 1.0


class Request(NamedTuple):
    """The options of the command line, except how photos are coloured (`Settings`)."""

    inputs: tuple[str, ...]
    output: str | None
    format: str | None
    force: bool
    skip_existing: bool
    json: bool
    report: Path | None
    scene: Path | None
    quiet: bool
    verbose: bool


class Session:
    """One run of the main job. Its methods return the exit status."""

    def __init__(self, request: Request, settings: Settings, engine: Engine) -> None:
        self._request = request
        self._settings = settings
        self._engine = engine
        self._report = Report() if request.report else None
        self._signal: int | None = None
        self._batch: Batch | None = None
        if request.report is not None:
            _check_report(request.report)

    def show_plan(self) -> int:
        """`--dry-run`: shows what would be done."""
        if sys.stdout is None:
            raise UsageError("standard output is closed: nobody would see the plan")
        if self._request.report is not None:
            raise UsageError("--dry-run writes no --report", tip="--json prints the plan")
        jobs = self._plan()
        reporter = Reporter(self._request, self._engine, len(jobs), self._report)
        for job in jobs:
            reporter.tell_planned(job)
        reporter.sum_up_plan()
        return reporter.status()

    def run(self) -> int:
        """Colours the photos."""
        jobs = self._plan()
        self._check_streams(jobs)
        self._check_apart(jobs)
        reporter = Reporter(self._request, self._engine, len(jobs), self._report)
        with self._reporting(reporter), interruptible(self._stop):
            self._colour(jobs, reporter)
        return self._end(reporter)

    def watch(self) -> int:
        """`--watch`: colours photos as they arrive, until interrupted."""
        from colorcli.batch.watch import Watch, check_watch

        request = self._request
        refuse_both(force=request.force, skip_existing=request.skip_existing)
        folder = check_watch(list(request.inputs), request.output)
        form = None if request.format is None else format_named(request.format)
        looks = Watch(folder, output=request.output, format=form, force=request.force)
        # A model that cannot be loaded, or used with these options, should fail now, not at 3 a.m.
        settings = self._settings
        self._engine.colorizer().check(
            size=settings.size, tile=settings.tile, vividness=settings.vividness
        )
        reporter = Reporter(request, self._engine, None, self._report)
        reporter.tell_watching(folder)
        with self._reporting(reporter), interruptible(self._stop):
            while self._signal is None:
                if jobs := looks.look():
                    self._colour([self._kept_apart(job) for job in jobs], reporter)
                self._rest(_LOOK_EVERY)
        return self._end(reporter)

    def _plan(self) -> tuple[Job, ...]:
        request = self._request
        jobs = make_plan(
            request.inputs,
            output=request.output,
            format=request.format,
            force=request.force,
            skip_existing=request.skip_existing,
        )
        if len(jobs) == 1 and jobs[0].error == NO_SUCH_FILE:
            name = str(jobs[0].source)
            if alike := get_close_matches(name, COMMANDS, n=1):
                raise UsageError(
                    f"{name}: no such file, and no such command", tip=f"colorize {alike[0]}?"
                )
        return jobs

    def _check_streams(self, jobs: Sequence[Job]) -> None:
        if self._request.json and sys.stdout is None:
            raise UsageError("standard output is closed: --json would be lost", tip="--report FILE")
        if not any(job.target == STREAM for job in jobs):
            return
        if self._request.json:
            raise UsageError("--json and the photo would share standard output", tip="-o FILE")
        if sys.stdout is None:
            raise UsageError("standard output is closed", tip="-o FILE")
        if sys.stdout.isatty():
            raise UsageError("the photo would be written to the terminal", tip="-o FILE")

    def _check_apart(self, jobs: Sequence[Job]) -> None:
        """Refuse photos that would overwrite the report or the scene."""
        report, scene = self._request.report, self._request.scene
        targets = {job.source: job.target for job in jobs if job.target is not None}
        if report is not None and writes(targets, report):
            raise UsageError(f"--report {report}: a photo will be written there")
        written = {job.source: job.target for job in jobs if job.target and job.is_work}
        if scene is not None and writes(written, scene):
            raise UsageError(f"--scene-from {scene}: a photo would overwrite it")

    def _kept_apart(self, job: Job) -> Job:
        """The job, failed if `_check_apart` refuses it: one photo must not end a watch."""
        try:
            self._check_apart([job])
        except UsageError as error:
            return job._replace(target=None, error=str(error), tip=error.tip)
        return job

    def _colour(self, jobs: Sequence[Job], reporter: Reporter) -> None:
        self._batch = Batch(jobs, self._settings, self._engine)
        if self._signal is not None:  # it came while a watch was looking
            self._batch.stop()
        with reporter.progress(), closing(iter(self._batch)) as outcomes:
            try:
                for outcome in outcomes:
                    reporter.tell(outcome)
            except BaseException:  # for example, the reader went away
                self._batch.stop()
                for outcome in outcomes:  # photos being written are finished, and count
                    reporter.count(outcome)
                raise
        self._batch = None

    def _end(self, reporter: Reporter) -> int:
        status = max(reporter.status(), self._save_report(reporter))
        reporter.sum_up()
        return status if self._signal is None else 128 + self._signal

    @contextmanager
    def _reporting(self, reporter: Reporter) -> Iterator[None]:
        """Around the work: writes the report even if it ends with an exception."""
        try:
            yield
        except BaseException:
            if self._report is not None and self._report.outcomes:
                with suppress(Exception):
                    self._save_report(reporter)
            raise

    def _save_report(self, reporter: Reporter) -> int:
        """Writes the report if one was asked for; returns 1 if that fails."""
        if self._report is None or self._request.report is None:
            return 0
        values = self._report.as_json(
            seconds=reporter.seconds,
            interrupted=self._signal is not None,
            model=self._engine.model,
        )
        text = json.dumps(values, indent=2) + "\n"
        try:
            _check_report(self._request.report)  # something else may have come there since
            write_whole(self._request.report, text.encode(), replace=True)
        except (PhotoError, UsageError) as error:  # the photos are done: the totals must follow
            messages.error(str(error), error.tip)
            return 1
        return 0

    def _stop(self, number: int) -> None:
        self._signal = number
        if self._batch is not None:
            self._batch.stop()

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._signal is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))


def _check_report(path: Path) -> None:
    """A report replaces only an earlier report."""
    if path.suffix.lower() != ".json":
        raise UsageError(f"--report {path}: the name must end in .json")
    if is_folder(path):
        raise UsageError(f"--report {path}: is a folder")
    if is_too_long(path):
        raise UsageError(f"--report {path}: the name is too long")
    if is_stream(path):
        return
    if (refusal := try_folder(path.parent)) is not None:
        raise UsageError(f"--report {path}: cannot be written: {refusal.strerror}")
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as file:
            is_report = b'"colorize_report"' in file.read(200)
    except OSError:  # a dangling link, or not readable
        is_report = False
    if not is_report:
        raise UsageError(f"--report {path}: exists and is not a report")
