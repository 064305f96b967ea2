from __future__ import annotations

from pathlib import Path

import pytest

from colorcli.batch.plan import Job
from colorcli.batch.watch import Watch, check_watch
from colorcli.errors import UsageError
from colorcli.walk import NOT_READ

from .trees import touch


@pytest.fixture
def watch() -> Watch:
    touch("album/a.png")
    return Watch(Path("album"), output="out", format=None, force=False)


def look(watch: Watch) -> list[Job]:
    """The result of two scans: a photo is taken once it has been seen twice."""
    return [*watch.look(), *watch.look()]


def test_a_photo_is_taken_once(watch: Watch) -> None:
    assert [job.source.name for job in look(watch)] == ["a.png"]
    assert look(watch) == []


def test_a_picture_that_is_not_read_is_said_once(watch: Watch) -> None:
    touch("album/b.heic")
    assert [(job.source.name, job.skip) for job in look(watch)] == [
        ("b.heic", NOT_READ),
        ("a.png", None),
    ]
    assert look(watch) == []


def test_what_changes_between_two_looks_is_not_taken(watch: Watch) -> None:
    growing = Path("album/a.png")
    for _ in range(3):
        assert watch.look() == []
        growing.write_bytes(growing.read_bytes() + b"more")
    assert watch.look() == []
    assert [job.source for job in watch.look()] == [growing]


def test_a_clash_of_names_costs_no_photo_but_those_that_clash() -> None:
    touch("album/a.png")
    watch = Watch(Path("album"), output="out", format="png", force=False)
    look(watch)
    touch("out/a.png", "album/a.tif", "album/b.png")
    clashing, fine = look(watch)
    assert clashing.source.name == "a.tif"
    assert "would both be written" in (clashing.error or "")
    assert fine.source.name == "b.png"
    assert fine.is_work


def test_what_clashed_is_taken_once_the_other_has_gone() -> None:
    touch("album/a.png", "album/a.tif")
    watch = Watch(Path("album"), output="out", format="png", force=False)
    assert [bool(job.error) for job in look(watch)] == [True, True]
    assert look(watch) == []
    Path("album/a.tif").unlink()
    (job,) = look(watch)
    assert job.source.name == "a.png"
    assert job.is_work


@pytest.mark.parametrize("force", [False, True])
def test_what_clashes_still_is_said_once(force: bool) -> None:
    """Also if another photo goes away; photos already coloured are not reported."""
    touch("album/a.png", "album/other.png")
    watch = Watch(Path("album"), output="out", format="png", force=force)
    look(watch)
    touch("out/a.png", "album/a.tif")
    assert [job.source.name for job in look(watch)] == ["a.tif"]
    Path("album/other.png").unlink()
    assert look(watch) == []


def test_a_photo_that_cannot_be_planned_is_said_to_fail() -> None:
    name = f"{251 * 'n'}.png"
    touch(f"album/{name}")
    (job,) = look(Watch(Path("album"), output="out", format="webp", force=False))
    assert job.source.name == name
    assert "too long" in (job.error or "")


def test_a_folder_that_goes_away_is_said_once_and_comes_back_as_it_was() -> None:
    """Such as an unmounted share: `--force` would have coloured all of it again."""
    touch("album/a.png", "album/sub/b.png")
    watch = Watch(Path("album"), output="out", format=None, force=True)
    assert [job.source.name for job in look(watch)] == ["a.png", "b.png"]
    Path("album").rename("elsewhere")
    (job,) = look(watch)
    assert job.source == Path("album")
    assert "the folder cannot be listed" in (job.error or "")
    assert look(watch) == []
    Path("elsewhere").rename("album")
    assert look(watch) == []
    touch("album/c.png")
    assert [job.source.name for job in look(watch)] == ["c.png"]


@pytest.mark.parametrize("output", ["-", "/dev/stdout", "a-file"])
def test_the_output_is_a_folder(output: str) -> None:
    touch("album/a.png", "a-file")
    with pytest.raises(UsageError, match="needs an output folder"):
        check_watch(["album"], output)


def test_a_name_that_no_folder_will_get_is_refused_at_the_start() -> None:
    touch("album/a.png")
    with pytest.raises(UsageError, match="names one photo"):
        check_watch(["album"], "out.jpg")
    check_watch(["album"], "out.jpg/")


def test_the_output_folder_cannot_be_the_folder_that_is_watched() -> None:
    touch("album/a.png")
    for output in ("album", "album/", "./album"):
        with pytest.raises(UsageError, match="the output folder is the input folder"):
            check_watch(["album"], output)
