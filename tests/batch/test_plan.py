from __future__ import annotations

import os
from pathlib import Path

import pytest

from colorcli.batch.plan import Job, make_plan
from colorcli.batch.refusals import STREAM
from colorcli.errors import UsageError

from .trees import pairs, touch

needs_links = pytest.mark.skipif(os.name == "nt", reason="symbolic links")


def test_beside_the_photo_by_default() -> None:
    touch("photo.jpg", "in/Scan.TIFF")
    assert pairs(make_plan(["photo.jpg", "in/Scan.TIFF"])) == [
        ("photo.jpg", "photo.color.jpg"),
        ("in/Scan.TIFF", "in/Scan.color.TIFF"),
    ]


def test_a_folder_is_mirrored_in_sorted_order() -> None:
    touch("album/b.jpg", "album/a/z.png", "album/a/y.jpeg", "album/notes.txt", "album/c/d/e.webp")
    expected = ["a/y.jpeg", "a/z.png", "b.jpg", "c/d/e.webp"]
    assert pairs(make_plan(["album"])) == [(f"album/{n}", f"album.color/{n}") for n in expected]
    assert pairs(make_plan(["album/"], output="out")) == [
        (f"album/{n}", f"out/{n}") for n in expected
    ]


def test_the_working_folder(here: Path) -> None:
    touch("a.jpg")
    assert pairs(make_plan(["."])) == [("a.jpg", f"{here.as_posix()}.color/a.jpg")]


def test_several_inputs_keep_their_folders_apart() -> None:
    touch("one/a.jpg", "two/a.jpg", "a.jpg")
    assert pairs(make_plan(["one", "two", "a.jpg"], output="out")) == [
        ("one/a.jpg", "out/one/a.jpg"),
        ("two/a.jpg", "out/two/a.jpg"),
        ("a.jpg", "out/a.jpg"),
    ]


def test_output_names_a_file_or_a_folder() -> None:
    touch("a.jpg", "there/x")
    assert pairs(make_plan(["a.jpg"], output="b.png")) == [("a.jpg", "b.png")]
    assert make_plan(["a.jpg"], output="b.png")[0].format == "png"
    assert pairs(make_plan(["a.jpg"], output="new/")) == [("a.jpg", "new/a.jpg")]
    assert pairs(make_plan(["a.jpg"], output="there")) == [("a.jpg", "there/a.jpg")]
    with pytest.raises(UsageError, match="does not say which format"):
        make_plan(["a.jpg"], output="b")
    with pytest.raises(UsageError, match="is a file, but"):
        make_plan(["a.jpg", "there"], output="there/x")


def test_format_changes_the_suffix_and_must_not_contradict() -> None:
    touch("a.jpg", "scan", "b.jpeg")
    assert pairs(make_plan(["a.jpg", "scan", "b.jpeg"], format="jpg")) == [
        ("a.jpg", "a.color.jpg"),
        ("scan", "scan.color.jpg"),
        ("b.jpeg", "b.color.jpeg"),
    ]
    assert pairs(make_plan(["a.jpg"], format="PNG")) == [("a.jpg", "a.color.png")]
    assert pairs(make_plan(["scan"])) == [("scan", "scan.color.png")]
    with pytest.raises(UsageError, match="contradict"):
        make_plan(["a.jpg"], output="b.png", format="jpeg")
    with pytest.raises(UsageError, match="no such format"):
        make_plan(["a.jpg"], format="docx")


@pytest.mark.parametrize("other", ["a.png", "A.PNG"])
def test_two_inputs_for_one_output_are_refused(other: str) -> None:
    touch("album/a.jpg", f"album/{other}")
    with pytest.raises(UsageError, match="would both be written to") as caught:
        make_plan(["album"], format="png")
    assert "a.jpg" in str(caught.value)
    assert other in str(caught.value)
    assert str(caught.value.tip).startswith("omit --format")
    assert not Path("album.color").exists()


def test_collisions_are_found_whatever_the_case_or_the_unicode_form() -> None:
    touch("one/Photo.jpg", "two/photo.jpg", "one/caf\u00e9.jpg", "two/cafe\u0301.jpg")
    with pytest.raises(UsageError, match="would both"):
        make_plan(["one/Photo.jpg", "two/photo.jpg"], output="out/")
    with pytest.raises(UsageError, match="would both"):
        make_plan(["one/caf\u00e9.jpg", "two/cafe\u0301.jpg"], output="out/")


def test_further_collisions_are_counted() -> None:
    touch("album/a.jpg", "album/a.bmp", "album/b.jpg", "album/b.bmp", "album/c.jpg")
    with pytest.raises(UsageError, match=r"a\.bmp and album/a\.jpg .*, and 1 more$"):
        make_plan(["album"], format="png")


@needs_links
def test_collisions_are_found_through_links() -> None:
    touch("album/one/p.png", "album/two/p.png", "out/two/x")
    Path("out/one").symlink_to("two")
    with pytest.raises(UsageError, match="would both be written to"):
        make_plan(["album"], output="out", force=True)


def test_an_original_that_is_missing_costs_no_other_photo() -> None:
    touch("a.color.png")
    missing, other = make_plan(["a.png", "a.color.png"], output="out")
    assert missing.error
    assert other.is_work


def test_the_tip_of_a_collision_really_helps() -> None:
    touch("album/cam.jpg", "album/CAM.JPG", "other/cam.jpg")
    if len(list(Path("album").iterdir())) < 2:
        pytest.skip("one file, whatever the case")
    with pytest.raises(UsageError, match=r"CAM\.JPG and album/cam\.jpg would both") as caught:
        make_plan(["album"])
    assert "rename one, or" in str(caught.value.tip)
    assert "--format" not in str(caught.value.tip)
    for name in ("cam.jpg", "CAM.JPG"):
        assert len(make_plan([f"album/{name}"], output=f"new-{name}")) == 1
    with pytest.raises(UsageError) as caught:
        make_plan(["album/cam.jpg", "other/cam.jpg"], output="out")
    assert "one at a time" in str(caught.value.tip)


def test_existing_outputs_are_refused_skipped_or_replaced() -> None:
    touch("a.jpg", "a.color.jpg", "b.jpg")
    with pytest.raises(UsageError, match=r"a\.color\.jpg: the output exists already"):
        make_plan(["a.jpg", "b.jpg"])
    jobs = make_plan(["a.jpg", "b.jpg"], skip_existing=True)
    assert [job.skip is not None for job in jobs] == [True, False]
    assert len(pairs(make_plan(["a.jpg", "b.jpg"], force=True))) == 2
    with pytest.raises(UsageError, match="contradict"):
        make_plan(["a.jpg"], force=True, skip_existing=True)


def test_several_photos_are_not_written_into_a_folder_that_is_called_like_one() -> None:
    touch("a.jpg", "b.jpg", "album/c.jpg")
    for inputs in (["a.jpg", "b.jpg"], ["album"]):
        with pytest.raises(UsageError, match="names one photo") as error:
            make_plan(inputs, output="out.jpg")
        assert "out.jpg/ means a folder" in str(error.value.tip)
        assert all(job.is_work for job in make_plan(inputs, output="out.jpg/"))


def test_a_photo_that_is_not_there_is_said_before_what_is_wrong_with_its_output() -> None:
    (job,) = make_plan(["gone/"], output="x")
    assert job.error == "no such file"


def test_what_is_no_photo_is_not_taken_for_one_that_is_done() -> None:
    touch("a.jpg", "b.jpg")
    Path("out/a.jpg").mkdir(parents=True)
    jobs = make_plan(["a.jpg", "b.jpg"], output="out/", skip_existing=True)
    assert [job.is_work for job in jobs] == [False, True]
    assert "is not a photo: it is a folder" in str(jobs[0].error)
    Path("out/b.jpg").touch()  # as left by a full disk or another program
    assert "is not a photo: the file is empty" in str(
        make_plan(["a.jpg", "b.jpg"], output="out/", skip_existing=True)[1].error
    )


@needs_links
def test_a_link_that_leads_nowhere_is_not_taken_for_a_photo_that_is_done() -> None:
    touch("a.jpg")
    Path("a.color.jpg").symlink_to("nowhere")
    (job,) = make_plan(["a.jpg"], skip_existing=True)
    assert "is not a photo: a link that leads nowhere" in str(job.error)


@pytest.mark.parametrize("output", ["a.jpg", "./sub/../a.jpg", "hard.jpg"])
def test_an_output_is_never_an_input_even_by_force(output: str) -> None:
    touch("a.jpg", "sub/x")
    os.link("a.jpg", "hard.jpg")
    with pytest.raises(UsageError, match="would replace the input"):
        make_plan(["a.jpg"], output=output, force=True)


def test_a_batch_into_its_own_folder_is_refused() -> None:
    touch("a.jpg", "b.jpg")
    with pytest.raises(UsageError, match="would replace the input"):
        make_plan(["a.jpg", "b.jpg"], output=".", force=True)


@needs_links
def test_outputs_stay_in_the_output_folder() -> None:
    touch("album/sub/a.jpg", "elsewhere/x")
    Path("out").mkdir()
    Path("out/sub").symlink_to("../elsewhere", target_is_directory=True)
    with pytest.raises(UsageError, match="leads outside the output folder"):
        make_plan(["album"], output="out", force=True)


def test_odd_names_do_not_leave_the_output_folder(here: Path) -> None:
    touch("deep/in/a.jpg")
    Path("deep/in/dir").mkdir()
    jobs = make_plan(["deep/in/dir/../a.jpg", str(here / "deep")], output="out")
    for job in jobs:
        assert job.target is not None
        assert job.target.resolve().is_relative_to(here / "out")


def test_streams() -> None:
    assert make_plan(["-"]) == (Job(STREAM, STREAM, None),)
    assert make_plan(["-"], output="a.png") == (Job(STREAM, Path("a.png"), "png"),)
    touch("a.jpg")
    assert make_plan(["a.jpg"], output="-")[0].target == STREAM
    for inputs, output in ((["-", "a.jpg"], None), (["-"], "out/"), (["a.jpg", "b.jpg"], "-")):
        with pytest.raises(UsageError):
            make_plan(inputs, output=output)


def test_a_file_called_like_the_stream_is_reached_by_its_folder(here: Path) -> None:
    touch("-", "a.png")
    (job,) = make_plan(["./-"], output="out.png")
    assert job.source == here / "-"
    assert job.source != STREAM
    (job,) = make_plan(["a.png"], output="./-", format="png", force=True)
    assert job.target == here / "-"


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_by_another_name_is_no_file(name: str) -> None:
    touch("a.png")
    (job,) = make_plan(["a.png"], output=name, force=True)
    assert job.target == STREAM


def test_an_empty_name_is_not_the_working_folder() -> None:
    with pytest.raises(UsageError, match="empty name"):
        make_plan([""])


def test_planning_writes_nothing(here: Path) -> None:
    touch("album/a.jpg")
    make_plan(["album"], output="new/folder")
    assert sorted(p.name for p in here.iterdir()) == ["album"]
