"""The outcome of each photo, and the totals of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Status = Literal["done", "skipped", "failed", "planned"]


class Outcome(NamedTuple):
    """The outcome of one photo.

    Attributes:
        source: the file read, `-` for standard input.
        target: the file to write, `-` for standard output; None if the plan has none.
        status: `planned` only in a dry run.
        reason: why it was skipped or failed, one line.
        tip: the next step after a failure, one line.
        seconds: spent reading, colouring and writing it, without the waits between.
        width: in pixels, after orientation.
        height: likewise.
        warnings: problems that did not stop it, one line each.
        trace: the traceback of an unexpected error; not part of the report.
    """

    source: Path
    target: Path | None
    status: Status
    reason: str | None = None
    tip: str | None = None
    seconds: float = 0.0
    width: int | None = None
    height: int | None = None
    warnings: tuple[str, ...] = ()
    trace: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` writes; schema: `batch/outcome.schema.json`."""
        return {
            "source": str(self.source),
            "target": None if self.target is None else str(self.target),
            "status": self.status,
            "reason": self.reason,
            "tip": self.tip,
            "seconds": round(self.seconds, 4),
            "width": self.width,
            "height": self.height,
            "warnings": list(self.warnings),
        }


@dataclass(slots=True)
class Counts:
    """The totals of a batch."""

    done: int = 0
    skipped: int = 0
    failed: int = 0

    def add(self, outcome: Outcome) -> None:
        """Counts one outcome."""
        self.done += outcome.status == "done"
        self.skipped += outcome.status == "skipped"
        self.failed += outcome.status == "failed"

    def line(self, seconds: float) -> str:
        """The last line of a run that took `seconds`."""
        rate = f", {self.done / seconds:.2f} photos/s" if self.done and seconds > 0 else ""
        return f"{self.done} done, {self.skipped} skipped, {self.failed} failed{rate}"


@dataclass(slots=True)
class Report:
    """What `--report` writes: totals, each photo, and which to retry."""

    outcomes: list[Outcome] = field(default_factory=list)

    def as_json(self, *, seconds: float, interrupted: bool, model: str | None) -> dict[str, Any]:
        """The report; schema: `batch/report.schema.json`.

        Args:
            seconds: duration of the whole run.
            interrupted: whether it was stopped early.
            model: name of the model used; None if none was loaded.
        """
        counts = Counts()
        for outcome in self.outcomes:
            counts.add(outcome)
        return {
            "colorize_report": 1,
            "model": model,
            "interrupted": interrupted,
            "seconds": round(seconds, 3),
            "done": counts.done,
            "skipped": counts.skipped,
            "failed": counts.failed,
            "retry": retry_list(self.outcomes),
            "photos": [outcome.as_json() for outcome in self.outcomes],
        }


def retry_list(outcomes: Iterable[Outcome]) -> list[str]:
    """The sources that failed, in order."""
    return [str(outcome.source) for outcome in outcomes if outcome.status == "failed"]
