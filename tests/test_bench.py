"""The timing table shows what was measured, with what, next to the paper's figures."""

from __future__ import annotations

import csv
import io
import json
import math
import mmap
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

import colorcli.errors
from colorcli.__main__ import main
from colorcli.bench import Cell, Environment, Figures, Timing, measure, parse_sizes, table
from colorcli.bench.conversions import SCOPES, Progress, Scope, synthetic_gray
from colorcli.bench.peak import PeakMemory
from colorcli.bench.plot import exponent
from colorcli.bench.timing import time_runs
from colorcli.errors import UsageError
from colorcli.model.sessions import Model

PACKAGES = Path(colorcli.errors.__file__).parent.parent


@pytest.fixture(scope="module")
def model(model_folder: Path) -> Model:
    return Model.load(str(model_folder), device="cpu", threads=1)


def bench(model_folder: Path, *arguments: str) -> int:
    return main(["bench", "--model", str(model_folder), "--threads", "1", *arguments])


def figures_of(seconds: dict[tuple[int, bool], float]) -> Figures:
    """Made-up figures: (side, on a GPU) → mean."""
    environments = tuple(
        Environment("m 1", "fusion", "a device", provider, "fp32", 2, "a cpu", "a system", {})
        for provider in ("CUDAExecutionProvider", "CPUExecutionProvider")
    )
    cells = tuple(
        Cell((side, side), on_gpu, Timing((value,), (value,), None))
        for (side, on_gpu), value in seconds.items()
    )
    return Figures("conversion", "full", 1, environments, cells, None)


def test_statistics_of_runs() -> None:
    values = iter([9.0, 9.0, *map(float, range(1, 101))])
    timing = time_runs(lambda: next(values), 100, warm_up=2)
    assert timing.warm_up == (9.0, 9.0)
    assert (timing.mean, timing.median, timing.p95) == (50.5, 50.5, 95.0)


def test_one_run_is_its_own_p95() -> None:
    assert Timing((3.0,), (), None).p95 == 3.0


def test_the_peak_is_that_of_the_work() -> None:
    peak = PeakMemory()
    before = peak.bytes()
    if before is None:
        pytest.skip("the system does not say")
    held = mmap.mmap(-1, 60_000_000)  # new pages, whatever the heap retains from earlier tests
    for _ in range(60):
        held.write(b"x" * 1_000_000)
    after = peak.bytes()
    assert after is not None
    assert after - before > 40_000_000
    held.close()


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("224", [(224, 224)]),
        ("512,224,512", [(224, 224), (512, 512)]),
        ("1920x1080, 224", [(224, 224), (1080, 1920)]),
    ],
)
def test_sizes(text: str, shapes: list[tuple[int, int]]) -> None:
    assert parse_sizes(text) == shapes


@pytest.mark.parametrize("text", ["", "0", "224,", "-5", "12x", "a", "2.5", "999999"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="--sizes"):
        parse_sizes(text)


def test_the_synthetic_photo_is_the_same_each_time_and_uses_the_whole_range() -> None:
    image = synthetic_gray((40, 64))
    assert image.shape == (40, 64)
    assert (image == synthetic_gray((40, 64))).all()
    assert (image.min(), image.max()) == (0, 255)


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_is_measured(model: Model, scope: Scope) -> None:
    said: list[object] = []
    progress = Progress(
        begin=lambda shape, device: said.append((shape, device)),
        ready=lambda expected: said.append(expected > 0),
        tick=lambda: said.append("tick"),
    )
    figures = measure([model], [(48, 64)], runs=2, scope=scope, progress=progress)
    (cell,) = figures.cells
    assert len(cell.timing.seconds) == 2
    assert cell.timing.mean > 0
    assert cell.pixels_per_second == pytest.approx(48 * 64 / cell.timing.median)
    assert said == [((48, 64), model.device), True, "tick", "tick"]


def test_the_network_alone_is_the_time_within_its_sessions(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A clock that advances by one per reading: each session's run takes one, all else nothing.
    monkeypatch.setattr("colorcli.model.sessions.perf_counter", map(float, count()).__next__)
    figures = measure([model], [(48, 48), (224, 224)], runs=1, scope="network")
    # At 224 the low-level network runs once for both branches.
    assert [cell.timing.seconds for cell in figures.cells] == [(4.0,), (3.0,)]


def test_the_network_sees_the_whole_photo_unless_told_otherwise(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    low_level = Model.low_level

    def watched(self: Model, L):  # type: ignore[no-untyped-def]
        seen.append(L.shape[2:])
        return low_level(self, L)

    monkeypatch.setattr(Model, "low_level", watched)
    measure([model], [(48, 400)], runs=1)
    assert (48, 400) in seen
    measure([model], [(48, 400)], runs=1, size=200)
    assert (24, 200) in seen


def test_the_paper_stands_beside() -> None:
    rows = table.comparison(figures_of({(224, False): 0.1, (224, True): 0.02, (300, False): 0.5}))
    assert rows[1] == ["224×224", "0.020", "0.100", "5.0×", "0.153", "0.459", "3.0×"]
    assert rows[2] == ["300×300", "–", "0.500", "–", "", "", ""]


def test_what_the_mean_hides_is_in_columns_of_its_own() -> None:
    timing = Timing((0.1, 0.1, 0.4), (2.5,), 3_000_000)
    figures = replace(figures_of({(1000, False): 0.1}), cells=(Cell((1000, 1000), False, timing),))
    title, row = table.details(figures)
    assert dict(zip(title, row, strict=True)) == {
        "Image size": "1000×1000",
        "on": "CPU",
        "mean": "0.2000",
        "median": "0.1000",
        "p95": "0.4000",
        "Mpixel/s": "10.00",
        "peak MB": "3",
        "first run": "2.5000",
    }


def test_the_exponent_of_a_power_law() -> None:
    assert exponent([(x, 3e-9 * x**1.1) for x in (100, 1000, 50_000)]) == pytest.approx(1.1)
    assert math.isnan(exponent([(100, 1.0)]))


def test_the_command_prints_the_table(
    model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(model_folder, "--sizes", "32,64", "--runs", "1", "--device", "cpu") == 0
    out, err = capsys.readouterr()
    for words in (
        "Image size",
        "GPU performance over CPU",
        "32×32",
        "GPU –: not asked for",
        "CPUExecutionProvider",
        "onnxruntime",
        "peak MB",
    ):
        assert words in out
    assert "32×32" in err
    assert "1 runs of about" in err


def test_json_holds_each_run(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(model_folder, "--sizes", "32", "--runs", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    cell = found["cells"][-1]
    assert len(cell["seconds"]) == 2
    assert cell["provider"] == "CPUExecutionProvider"
    assert found["environments"][-1]["versions"]["numpy"]


def test_csv_and_markdown(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--sizes", "32", "--runs", "1", "--device", "cpu")
    assert bench(model_folder, *arguments, "--csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["width"], row["precision"] in ("fp32", "int8")) == ("32", True)
    assert (row["scope"], row["size"], row["runs"]) == ("conversion", "full", "1")
    assert row["model"].startswith("fusion ")
    assert bench(model_folder, *arguments, "--markdown") == 0
    assert capsys.readouterr().out.startswith("| Image size | GPU | CPU | GPU performance over CPU")


def test_a_plot_is_written_and_never_replaced(model_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "plot.svg"
    arguments = ("--sizes", "32,64", "--runs", "1", "--device", "cpu", "--plot", str(plot))
    assert bench(model_folder, *arguments) == 0
    assert b"<svg" in plot.read_bytes()
    assert bench(model_folder, *arguments) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "--csv"),
        ("--sizes", "none"),
        ("--plot", "plot.txt"),
        ("--scope", "nothing"),
        ("--precision", "int3"),
        ("--photos", ".", "--csv"),
    ],
)
def test_wrong_usage(model_folder: Path, arguments: tuple[str, ...]) -> None:
    assert bench(model_folder, *arguments) == 2


def test_a_folder_of_photos(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), synthetic_gray((24, 32), index))
    before = sorted(tmp_path.iterdir())
    assert bench(model_folder, "--photos", str(tmp_path), "--size", "32", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["photos"], found["failed"], found["pixels"]) == (3, 0, 3 * 24 * 32)
    assert found["photos_per_second"] == pytest.approx(3 / found["seconds"])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options", [("--sizes", "64"), ("--runs", "3"), ("--force",), ("--scope", "conversion")]
)
def test_what_belongs_to_the_table_does_not_go_with_a_folder(
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
) -> None:
    assert bench(model_folder, "--photos", str(tmp_path), *options) == 2
    assert f"cannot be combined with {options[0]}" in capsys.readouterr().err


def test_photos_that_fail_are_said_and_end_with_1(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "good.png"), synthetic_gray((24, 32)))
    (tmp_path / "broken.jpg").write_text("no photo")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert bench(model_folder, "--photos", str(tmp_path), "--size", "32", "--json") == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["photos"], found["failed"]) == (1, 2)
    assert "broken.jpg: " in err
    assert "gone.png: a link that leads nowhere" in err


@pytest.mark.skipif(os.name == "nt", reason="there is no polite kill")
def test_a_polite_kill_leaves_no_scratch_folder(model_folder: Path, tmp_path: Path) -> None:
    photos, scratch = tmp_path / "photos", tmp_path / "scratch"
    photos.mkdir()
    scratch.mkdir()
    for number in range(60):
        cv2.imwrite(str(photos / f"{number}.png"), synthetic_gray((600, 800)))
    command = [sys.executable, "-m", "colorcli", "bench", "--photos", str(photos), "--model"]
    with subprocess.Popen(
        [*command, str(model_folder)],
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(PACKAGES)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until = time.monotonic() + 60
        while not list(scratch.rglob("*.png")) and time.monotonic() < until:
            time.sleep(0.02)
        process.terminate()
        assert process.wait(timeout=60) == 143
    assert list(scratch.iterdir()) == []


def test_a_folder_without_photos_is_an_error(model_folder: Path, tmp_path: Path) -> None:
    assert bench(model_folder, "--photos", str(tmp_path)) == 1


def test_the_photo_of_the_table_is_gray() -> None:
    assert synthetic_gray((16, 12)).shape == (16, 12)
    assert synthetic_gray((16, 12)).dtype == np.uint8
