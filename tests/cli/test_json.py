"""`--json` and `--report`, checked against the schemas shipped with the program."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, said
from .schema import check


def schema(name: str) -> dict[str, Any]:
    text = (files("colorcli.batch") / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.fixture
def mixed(photos: Path) -> Path:
    """Photos, one of which is skipped and one unreadable."""
    (photos / "bad.jpg").write_text("no photo")
    (photos / "camera.color.jpg").write_bytes((photos / "camera.jpg").read_bytes())
    return photos


def test_one_object_a_photo_in_the_order_of_the_plan(run: Run, mixed: Path) -> None:
    process = run(mixed, "-o", "out", "--json")
    assert process.returncode == 1
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    for line in lines:
        check(line, schema("outcome"))
    assert [(Path(line["source"]).name, line["status"]) for line in lines] == [
        ("bad.jpg", "failed"),
        ("camera.color.jpg", "skipped"),
        ("camera.jpg", "done"),
        ("astronaut.png", "done"),
    ]
    assert (lines[2]["width"], lines[2]["height"]) == (128, 128)
    assert Path(lines[3]["target"]).parts[-2:] == ("sub", "astronaut.png")


def test_a_dry_run_too(run: Run, mixed: Path) -> None:
    process = run(mixed, "-o", "out", "--json", "--dry-run", model=None)
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    for line in lines:
        check(line, schema("outcome"))
    assert [line["status"] for line in lines] == ["planned", "skipped", "planned", "planned"]


def test_the_report_says_what_to_try_again(run: Run, mixed: Path, tmp_path: Path) -> None:
    assert run(mixed, "-o", "out", "--report", "report.json").returncode == 1
    report = json.loads((tmp_path / "report.json").read_text())
    check(report, schema("report"))
    for photo in report["photos"]:
        check(photo, schema("outcome"))
    assert report["retry"] == [str(mixed / "bad.jpg")]
    assert (report["done"], report["skipped"], report["failed"]) == (2, 1, 1)
    assert not report["interrupted"]

    (mixed / "bad.jpg").write_bytes((mixed / "camera.jpg").read_bytes())
    process = run(mixed, "-o", "out", "--skip-existing", "--report", "report.json")
    assert process.returncode == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["done"], report["retry"]) == (1, [])


def test_the_report_names_the_model_of_a_photo_that_could_not_be_written(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    """It was coloured nevertheless."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "camera.jpg").mkdir()  # no file can take its place
    result = run(photos / "camera.jpg", "-o", "out/", "--force", "--report", "report.json")
    assert result.returncode == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["failed"], report["model"]) == (1, "fusion")


def test_a_report_never_takes_the_place_of_a_photo(run: Run, photos: Path, tmp_path: Path) -> None:
    arguments = ("-o", "r.json", "--format", "png", "--report", "r.json")
    result = run(photos / "camera.jpg", *arguments)
    assert result.returncode == 2
    assert said(result)[0].startswith("error: --report r.json: a photo will be written there")
    assert not (tmp_path / "r.json").exists()


def test_a_report_replaces_nothing_but_a_report(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"precious": 1}')
    for name in ("mine.json", str(photos / "camera.jpg")):
        process = run(photos, "-o", "out", "--report", name)
        assert process.returncode == 2
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "mine.json").read_text() == '{"precious": 1}'


def test_json_and_a_photo_do_not_share_standard_output(run: Run, photos: Path) -> None:
    process = run("-", "--json", stdin_data=(photos / "camera.jpg").read_bytes())
    assert process.returncode == 2
    assert process.stdout == b""


def test_a_report_that_cannot_be_written_is_said_before_the_work(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    process = run(
        photos / "camera.jpg", "-o", "out.png", "--report", photos / "notes.txt" / "r.json"
    )
    assert process.returncode == 2
    assert b"cannot be written" in process.stderr
    assert not (tmp_path / "out.png").exists()
