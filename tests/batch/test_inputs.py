"""Which photos the inputs expand to, including odd ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorcli.batch.plan import Job, make_plan
from colorcli.errors import UsageError
from colorcli.walk import NOT_READ, PHOTOS_LIBRARY

from .trees import pairs, touch

needs_links = pytest.mark.skipif(os.name == "nt", reason="symbolic links")


def test_hidden_files_and_folders_are_left_out() -> None:
    touch("album/a.jpg", "album/.hidden.jpg", "album/._a.jpg", "album/.thumbs/a.jpg")
    assert pairs(make_plan(["album"])) == [("album/a.jpg", "album.color/a.jpg")]


def test_pictures_that_are_not_read_are_left_out_and_said() -> None:
    touch("a/x.jpg", "a/IMG_1.HEIC", "a/b/scan.cr2", "a/b/.hidden.heic", "a/notes.txt")
    jobs = make_plan(["a"])
    assert pairs(jobs) == [("a/x.jpg", "a.color/x.jpg")]
    left_out = {job.source.as_posix(): job.skip for job in jobs if job.skip}
    assert left_out == {"a/IMG_1.HEIC": NOT_READ, "a/b/scan.cr2": NOT_READ}


def test_a_folder_of_pictures_that_are_not_read_holds_no_photos() -> None:
    touch("a/IMG_1.heic")
    assert [job.error for job in make_plan(["a"]) if job.error] == ["no photos in this folder"]


def test_a_library_of_photos_is_entered_only_when_named() -> None:
    library = "Pictures/Photos Library.photoslibrary"
    touch("Pictures/a.jpg", f"{library}/originals/0/b.jpg", "Pictures/Old.PhotosLibrary/c.jpg")
    jobs = make_plan(["Pictures"])
    assert pairs(jobs) == [("Pictures/a.jpg", "Pictures.color/a.jpg")]
    skipped = {job.source.name: job.skip for job in jobs if job.skip}
    assert skipped == dict.fromkeys(
        ["Photos Library.photoslibrary", "Old.PhotosLibrary"], PHOTOS_LIBRARY
    )
    named = make_plan([f"{library}/originals"], output="out")
    assert pairs(named) == [(f"{library}/originals/0/b.jpg", "out/0/b.jpg")]
    assert [job.is_work for job in make_plan([library], output="out")] == [True]


def test_earlier_outputs_are_not_coloured_again() -> None:
    touch("album/a.jpg", "album/a.color.jpg", "album/sub/b.jpg", "album/sub.color/b.jpg")
    jobs = make_plan(["album"])
    assert [source for source, _ in pairs(jobs)] == ["album/a.jpg", "album/sub/b.jpg"]
    skipped = [(job.source.name, job.skip) for job in jobs if job.skip]
    assert skipped == [
        ("a.color.jpg", "an earlier output"),
        ("sub.color", "a folder of earlier outputs"),
    ]
    jobs = make_plan(["album"], output="out")
    assert [job.source.name for job in jobs if job.skip] == ["a.color.jpg", "sub.color"]


def test_a_folder_of_earlier_outputs_named_beside_its_originals_is_left_out() -> None:
    """A second `colorize *` where there is a folder."""
    touch("album/a.jpg", "album.color/a.jpg", "p.jpg", "p.color.jpg")
    inputs = ["album", "album.color", "p.jpg", str(Path("p.color.jpg").absolute())]
    assert not any(job.is_work for job in make_plan(inputs, skip_existing=True))
    jobs = make_plan(inputs, output="out")
    assert [source for source, _ in pairs(jobs)] == ["album/a.jpg", "p.jpg"]
    assert [job.source.name for job in jobs if job.skip] == ["album.color", "p.color.jpg"]
    # Given alone it is a folder like any other.
    assert pairs(make_plan(["album.color"], output="out")) == [("album.color/a.jpg", "out/a.jpg")]


def test_what_only_looks_like_an_earlier_output_is_coloured() -> None:
    touch("own/grandma.color.jpg", "own/b.color.jpg", "own/b.txt", "own/c.color/d.jpg", "own/c")
    assert [source for source, _ in pairs(make_plan(["own"]))] == [
        "own/b.color.jpg",
        "own/c.color/d.jpg",
        "own/grandma.color.jpg",
    ]


def test_a_glob_given_twice_does_not_colour_its_outputs() -> None:
    touch("a.jpg", "a.color.jpg", "own.color.jpg", "b.jpg")
    jobs = make_plan(["a.color.jpg", "a.jpg", "own.color.jpg"], output="out")
    assert [source for source, _ in pairs(jobs)] == ["a.jpg", "own.color.jpg"]
    jobs = make_plan(["a.color.jpg", "a.jpg", "b.jpg"], skip_existing=True)
    assert [source for source, _ in pairs(jobs)] == ["b.jpg"]


def test_the_output_folder_inside_the_input_is_not_walked() -> None:
    touch("album/a.jpg", "album/out/a.jpg", "album/sub/b.jpg")
    jobs = make_plan(["album"], output="album/out", force=True)
    assert pairs(jobs) == [
        ("album/a.jpg", "album/out/a.jpg"),
        ("album/sub/b.jpg", "album/out/sub/b.jpg"),
    ]
    with pytest.raises(UsageError, match="output folder is the input folder"):
        make_plan(["album"], output="album/../album", force=True)


@needs_links
def test_loops_of_links_end_and_each_folder_is_taken_once() -> None:
    touch("album/a.jpg", "album/z/real/b.jpg", "elsewhere/c.jpg")
    Path("album/loop").symlink_to("..", target_is_directory=True)
    Path("album/again").symlink_to("z/real", target_is_directory=True)
    Path("album/self").symlink_to("self")
    Path("album/out").symlink_to("../elsewhere", target_is_directory=True)
    sources = [source for source, _ in pairs(make_plan(["album"]))]
    assert sources.count("album/a.jpg") == 1
    assert [s for s in sources if s.endswith("b.jpg")] == ["album/z/real/b.jpg"]
    assert [s for s in sources if s.endswith("c.jpg")] == ["album/loop/elsewhere/c.jpg"] or [
        s for s in sources if s.endswith("c.jpg")
    ] == ["album/out/c.jpg"]
    assert sources == sorted(sources)


@needs_links
@pytest.mark.parametrize("to", ["self.jpg", "nowhere.jpg"])
def test_a_link_that_leads_nowhere_fails_alone(to: str) -> None:
    touch("album/a.jpg", "album/sub/b.jpg")
    Path("album/self.jpg").symlink_to(to)
    Path("album/out.jpg").symlink_to("sub/b.jpg")
    for inputs in (["album"], ["album/self.jpg", "album/a.jpg", "album/out.jpg", "album/sub"]):
        jobs = make_plan(inputs, output="out")
        failed = [(job.source.name, job.error) for job in jobs if job.error]
        assert [name for name, _ in failed] == ["self.jpg"]
        assert str(failed[0][1]).startswith("a link that leads ")
        assert len(pairs(jobs)) == 3


@needs_links
def test_links_to_themselves_among_the_outputs_raise_nothing() -> None:
    touch("album/sub/a.jpg")
    Path("out").mkdir()
    Path("out/sub").symlink_to("sub")
    assert len(pairs(make_plan(["album"], output="out"))) == 1


LONG = "x" * 300 + ".jpg"


def test_names_that_are_too_long_fail_alone() -> None:
    touch("a.jpg", "album/" + "y" * 247 + ".jpg", "album/b.jpg")
    for output in (LONG, f"new/folder/{LONG}", f"new/{'x' * 300}/b.jpg"):
        (job,) = make_plan(["a.jpg"], output=output)
        assert str(job.error).startswith("the name of its output is too long: ")
        assert job.tip == "give a shorter name with -o"
    jobs = make_plan(["a.jpg", LONG, "album/" + "y" * 247 + ".jpg"])
    assert pairs(jobs) == [("a.jpg", "a.color.jpg")]
    assert jobs[1].error == "the name is too long"
    assert len(pairs(make_plan(["album"]))) == 2, "as long as it may be"
    assert make_plan(["-"], output=LONG)[0].error is not None


def test_folders_of_one_name_are_refused_and_one_folder_twice_is_not() -> None:
    touch("p/x/one.jpg", "q/x/two.jpg", "q/X/three.jpg")
    for other in ("q/x", "q/X"):
        with pytest.raises(UsageError, match=r"p\Wx and q\W[xX] would both be written to"):
            make_plan(["p/x", other], output="out")
    assert len(pairs(make_plan(["p/x", "./p/x/"], output="out"))) == 1
    assert pairs(make_plan(["p/x", "q/x"])) == [
        ("p/x/one.jpg", "p/x.color/one.jpg"),
        ("q/x/two.jpg", "q/x.color/two.jpg"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
def test_pipes_and_sockets_are_no_photos() -> None:
    touch("album/a.jpg")
    os.mkfifo("album/pipe.jpg")
    Path("album/link.jpg").symlink_to("pipe.jpg")
    assert pairs(make_plan(["album"])) == [("album/a.jpg", "album.color/a.jpg")]
    for name, kind in (("album/pipe.jpg", "a named pipe"), ("/dev/null", "a device")):
        job = make_plan([name, "album/a.jpg"], output="out")[0]
        assert job.error == f"it is {kind}, not a file"
        assert str(job.tip).startswith("colorize - < ")


@pytest.mark.skipif(os.name == "nt", reason="devices")
def test_a_device_takes_the_format_of_the_photo() -> None:
    touch("a.jpg")
    assert make_plan(["a.jpg"], output="/dev/null") == (Job(Path("a.jpg"), Path("/dev/null")),)
    assert make_plan(["-"], output="/dev/null", format="png")[0].format == "png"


def test_the_same_photo_given_twice_is_done_once() -> None:
    touch("album/a.jpg")
    jobs = make_plan(["album/a.jpg", "./album/a.jpg", "album"], output="out")
    assert pairs(jobs) == [("album/a.jpg", "out/a.jpg")]


def test_missing_inputs_and_empty_folders_fail_alone() -> None:
    touch("a.jpg", "empty/readme.txt")
    jobs = make_plan(["missing.jpg", "empty", "a.jpg"])
    assert [job.error for job in jobs] == ["no such file", "no photos in this folder", None]
    assert jobs[1].tip is not None


@pytest.mark.parametrize("closed", ["album", "album/private"])
def test_a_folder_that_cannot_be_listed_fails_alone(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch("album/a.jpg", "album/private/b.jpg", "c.jpg")
    real = os.scandir

    def scandir(folder: Path) -> object:
        if folder == Path(closed):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    jobs = make_plan(["album", "c.jpg"], output="out")
    failed = [job for job in jobs if job.error]
    assert [job.source.as_posix() for job in failed] == [closed]
    assert failed[0].error == "the folder cannot be listed: Permission denied"
    assert ("c.jpg", "out/c.jpg") in pairs(jobs)


def test_a_deep_tree_is_no_problem(here: Path) -> None:
    deep = Path("album", *["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "a.jpg").write_bytes(b"x")
    assert len(pairs(make_plan(["album"]))) == 1
