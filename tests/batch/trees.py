"""Files to plan with."""

from __future__ import annotations

from pathlib import Path

from colorcli.batch.plan import Job


def touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def pairs(jobs: tuple[Job, ...]) -> list[tuple[str, str | None]]:
    """Source → target of each job, with forward slashes."""
    return [
        (job.source.as_posix(), None if job.target is None else job.target.as_posix())
        for job in jobs
        if job.is_work
    ]
