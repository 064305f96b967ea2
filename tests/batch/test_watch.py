from __future__ import annotations

from pathlib import Path

import pytest

from colorcli.batch.plan import Job
from colorcli.batch.watch import Watch, check_watch
from colorcli.errors import UsageError

from .trees import touch


@pytest.fixture
def watch() -> Watch:
    touch("album/a.png")
    return Watch(Path("album"), output="out", format=None, force=False)


def look(watch: Watch) -> list[Job]:
    """What two looks find: a photo is taken once it is seen twice."""
    return [*watch.look(), *watch.look()]


def test_a_photo_is_taken_once(watch: Watch) -> None:
    assert [job.source.name for job in look(watch)] == ["a.png"]
    assert look(watch) == []


def test_a_clash_of_names_costs_no_photo_but_those_that_clash(watch: Watch) -> None:
    look(watch)
    touch("out/a.png", "album/A.png", "album/b.png")
    clashing, fine = look(watch)
    assert clashing.source.name == "A.png"
    assert "would both be written" in (clashing.error or "")
    assert fine.source.name == "b.png"
    assert fine.is_work


def test_what_clashed_is_taken_once_the_other_has_gone(watch: Watch) -> None:
    touch("album/A.png")
    assert all(job.error for job in look(watch))
    assert look(watch) == []
    Path("album/A.png").unlink()
    (job,) = look(watch)
    assert job.source.name == "a.png"
    assert job.is_work


def test_a_photo_that_cannot_be_planned_is_said_to_fail() -> None:
    name = f"{251 * 'n'}.png"
    touch(f"album/{name}")
    (job,) = look(Watch(Path("album"), output="out", format="webp", force=False))
    assert job.source.name == name
    assert "too long" in (job.error or "")


def test_the_output_folder_cannot_be_the_folder_that_is_watched() -> None:
    touch("album/a.png")
    for output in ("album", "album/", "./album"):
        with pytest.raises(UsageError, match="the output folder is the input folder"):
            check_watch(["album"], output)
