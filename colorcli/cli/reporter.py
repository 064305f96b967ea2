"""Output of a run: lines, a progress bar, JSON, and the totals at the end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from colorcli.batch.engine import Engine
from colorcli.batch.outcome import Counts, Outcome, Report
from colorcli.batch.plan import Job
from colorcli.batch.refusals import STREAM
from colorcli.cli import messages
from colorcli.walk import NOT_READ


class Verbosity(Protocol):
    """How much to print."""

    @property
    def json(self) -> bool:
        """Objects on standard output."""

    @property
    def quiet(self) -> bool:
        """Errors only."""

    @property
    def verbose(self) -> bool:
        """A line for every photo."""


class Reporter:
    """Reports and counts the outcomes of photos.

    Args:
        verbosity: how much to print.
        engine: names the device once a photo is done.
        total: photos to come; None if unknown.
        report: collects the outcomes, if given.
    """

    def __init__(
        self, verbosity: Verbosity, engine: Engine, total: int | None, report: Report | None
    ) -> None:
        self._verbosity = verbosity
        self._engine = engine
        self._total = total
        self._report = report
        self._counts = Counts()
        self._began = time.monotonic()
        self._planned = 0
        self._device_said = False
        self._last_tip: str | None = None
        self._not_read: Counter[str] = Counter()
        self._bar: Any = None

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._began

    def status(self) -> int:
        """The exit status so far."""
        return 1 if self._counts.failed else 0

    @contextmanager
    def progress(self) -> Iterator[None]:
        """A bar on the terminal, if there are several photos."""
        if self._verbosity.quiet or not messages.is_terminal() or (self._total or 0) < 2:
            yield
            return
        from tqdm import tqdm

        with tqdm(total=self._total, unit="photo", file=sys.stderr, dynamic_ncols=True) as bar:
            self._bar = bar
            messages.write_through(lambda line: tqdm.write(line, file=sys.stderr))
            try:
                yield
            finally:
                messages.write_through(None)
                self._bar = None

    def tell(self, outcome: Outcome) -> None:
        """Prints and counts one outcome."""
        if outcome.status == "done":
            self._say_device()
        self._take(outcome)
        if self._bar is not None:
            self._bar.update()
        source, target = outcome.source, outcome.target
        for line in outcome.warnings:
            if not self._verbosity.quiet:
                messages.warning(f"{source}: {line.removeprefix(f'{source}: ')}")
        if outcome.status == "failed":
            self._say_failure(outcome)
        elif self._verbosity.verbose or (self._total in (1, None) and not self._verbosity.quiet):
            if outcome.status == "done":
                messages.say(f"{_spoken(source, 'input')} → {_spoken(target, 'output')}")
            else:
                messages.say(f"{source}: skipped: {outcome.reason}")

    def tell_planned(self, job: Job) -> None:
        """Prints and counts a planned photo."""
        if job.is_work:
            self._planned += 1
            self._take(Outcome(job.source, job.target, "planned"))
            if not self._verbosity.json:
                print(
                    f"{messages.printable(str(job.source))} → {messages.printable(str(job.target))}"
                )
            return
        if job.error is not None:
            outcome = Outcome(job.source, job.target, "failed", reason=job.error, tip=job.tip)
            self._take(outcome)
            self._say_failure(outcome)
            return
        self._take(Outcome(job.source, job.target, "skipped", reason=job.skip))
        if not self._verbosity.quiet and not self._verbosity.json:
            print(f"{messages.printable(str(job.source))}: skipped: {job.skip}")

    def tell_watching(self, folder: Path) -> None:
        """Announces the start of a watch."""
        if not self._verbosity.quiet:
            messages.note(f"watching {folder}; Ctrl-C ends")

    def sum_up(self) -> None:
        """The last lines: unsupported pictures, and the totals."""
        self._say_not_read()
        if not self._verbosity.quiet:
            messages.say(self._counts.line(self.seconds))

    def sum_up_plan(self) -> None:
        """The last lines of a dry run."""
        self._say_not_read()
        if not self._verbosity.quiet:
            counts = self._counts
            messages.say(
                f"{self._planned} to do, {counts.skipped} skipped, {counts.failed} failed; "
                "nothing was written"
            )

    def _say_not_read(self) -> None:
        if self._not_read and not self._verbosity.quiet:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._not_read.items()))
            messages.warning(
                f"skipped pictures of unsupported formats: {kinds}; convert them first"
            )

    def count(self, outcome: Outcome) -> None:
        """Counts one outcome for the totals and the report, silently."""
        self._counts.add(outcome)
        if outcome.reason == NOT_READ:
            self._not_read[outcome.source.suffix.lower()] += 1
        if self._report is not None:
            self._report.outcomes.append(outcome)

    def _take(self, outcome: Outcome) -> None:
        self.count(outcome)
        if self._verbosity.json:
            # ASCII, so that names of any bytes survive any terminal or pipe.
            print(json.dumps(outcome.as_json()), flush=True)

    def _say_failure(self, outcome: Outcome) -> None:
        if outcome.trace is not None and (self._verbosity.verbose or messages.is_debugging()):
            for line in outcome.trace.splitlines():
                messages.say(line)
        # In a long batch, a tip is shown once, not a thousand times.
        tip = None if outcome.tip == self._last_tip else outcome.tip
        self._last_tip = outcome.tip
        messages.error(f"{_spoken(outcome.source, 'input')}: {outcome.reason}", tip)

    def _say_device(self) -> None:
        if self._device_said:
            return
        self._device_said = True
        if self._verbosity.quiet:
            return
        model = self._engine.colorizer().model
        if model.fallback_reason is not None:
            messages.note(f"running on the CPU: {model.fallback_reason}")
        elif self._verbosity.verbose:
            messages.note(f"running on {model.device}")


def _spoken(path: Path | None, direction: str) -> str:
    return f"standard {direction}" if path == STREAM else str(path)
