"""What became of each photo, and what a batch comes to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Status = Literal["done", "skipped", "failed", "planned"]


class Outcome(NamedTuple):
    """What became of one photo.

    Attributes:
        source: the file read, `-` for standard input.
        target: the file written, `-` for standard output; None where none was to be.
        status: `planned` only in a dry run.
        reason: why it was skipped or failed, one line.
        tip: the next step after a failure, one line.
        seconds: spent on it: reading, colouring, writing, without the waits between.
        width: of the picture as shown, in pixels.
        height: as `width`.
        warnings: what was noticed and did not stop it, one line each.
        trace: the traceback of an error nobody foresaw; not part of the report.
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
        """The object of `--json`, as `batch/outcome.schema.json` describes it."""
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
    """The sums of a batch."""

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
        rate = self.done / seconds if seconds > 0 else 0.0
        return (
            f"{self.done} done, {self.skipped} skipped, {self.failed} failed, {rate:.2f} photos/s"
        )


@dataclass(slots=True)
class Report:
    """What `--report` writes: the sums, each photo, and which to try again."""

    outcomes: list[Outcome] = field(default_factory=list)

    def as_json(self, *, seconds: float, interrupted: bool, model: str | None) -> dict[str, Any]:
        """The report, as `batch/report.schema.json` describes it.

        Args:
            seconds: the whole run took.
            interrupted: it was stopped before its end.
            model: name of the model used, None where none was needed.
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
