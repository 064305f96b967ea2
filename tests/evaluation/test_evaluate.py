from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli import metrics
from colorcli.cli.ending import run_command_line
from colorcli.collection.items import Item, open_collection
from colorcli.errors import PhotoError, UsageError
from colorcli.evaluation.evaluate import (
    CONSTANT,
    GRAY,
    central_square,
    evaluate,
    mean_colour,
)
from colorcli.evaluation.scores import PSNR_CEILING
from colorcli.lab import lab_to_rgb, rgb_to_lab

skimage_data = pytest.importorskip("skimage.data")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for split, names in (("train", ("rocket",)), ("val", ("astronaut", "coffee", "chelsea"))):
        for name in names:
            rgb = np.ascontiguousarray(getattr(skimage_data, name)()[::5, ::5])
            (root / split / name).mkdir(parents=True)
            cv2.imwrite(str(root / split / name / f"{name}.png"), rgb[..., ::-1])
    return root


@pytest.fixture(scope="module")
def items(photos: Path) -> list[Item]:
    return open_collection(photos, split="val")


class Truth:
    """A predictor that knows the truth: it finds the photo by its L."""

    def __init__(self, items: list[Item], share: float = 1.0) -> None:
        self._share = share
        self._photos = [
            rgb_to_lab(cv2.imdecode(np.frombuffer(item.read(), np.uint8), 1)[..., ::-1])
            for item in items
        ]

    def __call__(self, L: np.ndarray) -> np.ndarray:
        lab = next(lab for lab in self._photos if np.array_equal(lab[..., 0], L))
        return lab[..., 1:] * self._share


def test_a_perfect_prediction_scores_full_marks(items: list[Item]) -> None:
    scores = evaluate(Truth(items), items).scores["model"]
    assert scores.psnr > 50
    assert scores.ssim == pytest.approx(1, abs=1e-3)
    assert scores.auc > 99.9
    assert scores.auc_rebalanced_smoothed > 99.5
    assert scores.ciede2000 < 0.05
    assert scores.colorfulness_ratio == pytest.approx(1, abs=0.01)
    assert scores.chroma_ratio == pytest.approx(1, abs=0.01)


def test_each_score_is_the_metric_of_its_name(items: list[Item]) -> None:
    """On one photo, with a model that halves its colours."""
    (item,) = items[:1]
    scores = evaluate(Truth([item], 0.5), [item]).scores["model"]
    rgb = cv2.imdecode(np.frombuffer(item.read(), np.uint8), 1)[..., ::-1]
    true = rgb_to_lab(rgb)
    made = true * np.float32((1, 0.5, 0.5))
    made_rgb = lab_to_rgb(made[..., 0], made[..., 1:])
    errors = metrics.ErrorHistogram()
    errors.add(true[..., 1:], made[..., 1:])
    colourful, chroma = metrics.colorfulness(made_rgb), metrics.mean_chroma(made[..., 1:])
    expected = {
        "psnr": metrics.psnr(rgb, made_rgb),
        "ssim": metrics.ssim(rgb, made_rgb),
        "auc": errors.auc(),
        "auc_rebalanced_smoothed": errors.auc_rebalanced(),
        "auc_rebalanced_unsmoothed": errors.auc_rebalanced(sigma=0),
        "ciede2000": metrics.ciede2000(true, made),
        "colorfulness": colourful,
        "colorfulness_ratio": colourful / metrics.colorfulness(rgb),
        "chroma": chroma,
        "chroma_ratio": chroma / metrics.mean_chroma(true[..., 1:]),
    }
    found = {name: getattr(scores, name) for name in expected}
    assert found == pytest.approx(expected, rel=1e-4)
    assert len({round(value, 3) for value in expected.values()}) == len(expected)


def test_the_baselines_are_always_there(items: list[Item]) -> None:
    report = evaluate({}, items)
    assert list(report.scores) == [GRAY, CONSTANT]
    gray, constant = report.scores[GRAY], report.scores[CONSTANT]
    assert gray.chroma == gray.colorfulness == gray.colorfulness_ratio == 0
    assert constant.chroma > 0
    assert 0 < gray.auc_rebalanced_smoothed < gray.auc < 100
    assert gray.psnr < 30


def test_half_the_chroma_lies_between_gray_and_the_truth(items: list[Item]) -> None:
    report = evaluate({"half": Truth(items, 0.5), "whole": Truth(items)}, items)
    assert list(report.scores) == ["half", "whole", GRAY, CONSTANT]
    gray, half, whole = (report.scores[name] for name in (GRAY, "half", "whole"))
    for metric in (
        "psnr",
        "ssim",
        "auc",
        "auc_rebalanced_smoothed",
        "chroma_ratio",
        "colorfulness_ratio",
    ):
        assert getattr(gray, metric) < getattr(half, metric) < getattr(whole, metric)
    assert gray.ciede2000 > half.ciede2000 > whole.ciede2000
    assert half.chroma_ratio == pytest.approx(0.5, abs=0.01)


def test_colours_out_of_gamut_are_measured_as_the_user_gets_them(items: list[Item]) -> None:
    wild = evaluate(lambda L: np.full((*L.shape, 2), 300.0), items).scores["model"]
    assert wild.chroma < 100


def test_gray_photos_neither_divide_by_zero_nor_reach_infinity(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "camera.png"), skimage_data.camera()[::8, ::8])
    report = evaluate({}, open_collection(tmp_path))
    gray = report.scores[GRAY]
    assert gray.psnr == PSNR_CEILING
    assert gray.auc == pytest.approx(100)
    assert math.isnan(gray.chroma_ratio)
    assert report.as_dict()["scores"][GRAY]["chroma_ratio"] is None


def test_the_order_of_photos_does_not_matter(items: list[Item]) -> None:
    forth, back = (evaluate({}, order).scores[GRAY] for order in (items, items[::-1]))
    for metric in ("psnr", "ssim", "auc", "auc_rebalanced_smoothed", "ciede2000"):
        assert getattr(forth, metric) == getattr(back, metric)


def test_scores_by_source(items: list[Item]) -> None:
    report = evaluate({}, items, by_source=True)
    assert list(report.by_source) == [items[0].source]
    whole = report.as_dict()["scores"][GRAY]
    only = report.as_dict()["by_source"][items[0].source][GRAY]
    assert only == whole


def test_each_source_has_the_scores_of_its_own_photos(items: list[Item]) -> None:
    mixed = [replace(item, source=f"source {i % 2}") for i, item in enumerate(items)]
    report = evaluate({}, mixed, mean_ab=(1.0, 2.0), by_source=True)
    assert list(report.by_source) == ["source 0", "source 1"]
    for source, scores in report.by_source.items():
        own = [item for item in mixed if item.source == source]
        alone = evaluate({}, own, mean_ab=(1.0, 2.0)).scores
        for name in (GRAY, CONSTANT):
            assert scores[name] == alone[name]


def test_progress_and_failures(items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    broken = open_collection(tmp_path)
    done: list[int] = []
    report = evaluate({}, [items[0], *broken, items[1]], progress=done.append)
    assert done == [1, 2, 3]
    assert report.photos == 2
    assert [key for key, _ in report.failed] == ["broken.jpg"]
    with pytest.raises(PhotoError, match="none of 1 photos"):
        evaluate({}, broken)


def test_the_constant_is_the_mean_colour(items: list[Item], photos: Path) -> None:
    means = [Truth([item])._photos[0][..., 1:].mean((0, 1)) for item in items]
    assert mean_colour(items) == pytest.approx(np.mean(means, axis=0), abs=1e-4)
    given = evaluate({}, items, mean_ab=(1.0, 2.0))
    assert given.mean_ab == (1.0, 2.0)
    assert mean_colour([]) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (7, 7), (300, 21), (1, 900)])
def test_a_crop_is_central_and_square(shape: tuple[int, int]) -> None:
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[shape[0] // 2, shape[1] // 2] = 255
    crop = central_square(rgb, 32)
    assert crop.shape == (32, 32, 3)
    bright = np.argwhere(crop[..., 0] == crop.max())
    assert np.abs(bright.mean(0) - 15.5).max() < 5


def test_a_crop_is_the_whole_height_of_a_wide_picture() -> None:
    wide = np.zeros((300, 900, 3), np.uint8)
    wide[:, 300:600] = 255
    assert central_square(wide, 32).min() == 255


def test_crops_all_count_alike(items: list[Item]) -> None:
    assert evaluate({}, items, crop=16).pixels == 3 * 16 * 16


def command(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = run_command_line(["evaluate", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_prints_a_table(
    photos: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = command(capsys, model_folder, photos, "--device", "cpu", "--size", "64")
    assert status == 0
    for word in ("PSNR", "SSIM", "AuC", "CIEDE2000", "chroma", model_folder.name, GRAY, CONSTANT):
        assert word in out


def test_the_command_prints_json_and_writes_a_sheet(
    photos: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    options = ("--device", "cpu", "--size", "64", "--json", "--limit", 2, "--sheet", sheet)
    status, out, _ = command(capsys, model_folder, photos, *options)
    assert status == 0
    found = json.loads(out)
    assert found["photos"] == 2
    assert set(found["scores"]) == {model_folder.name, GRAY, CONSTANT}
    # The constant comes from the train split, which is not evaluated.
    train = mean_colour(open_collection(photos, split="train"))
    assert found["mean_ab"] == pytest.approx(train, abs=1e-4)
    assert cv2.imread(str(sheet)).shape[1] > 3 * 200
    status, _, err = command(capsys, model_folder, photos, "--sheet", sheet)
    assert status == 2
    assert "--force" in err


def test_without_a_given_split_the_photos_held_out_in_training_are_measured(
    photos: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All if there are too few for that, or only one."""
    photo = (photos / "val/coffee/coffee.png").read_bytes()
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(photo)
    held = [item.key for item in open_collection(tmp_path, split="val")]
    assert 0 < len(held) < 30
    options = ("--device", "cpu", "--size", "64", "--json")
    _, out, err = command(capsys, model_folder, tmp_path, *options)
    assert (json.loads(out)["photos"], json.loads(out)["split"]) == (len(held), "val")
    assert f"measuring {len(held)} of 30 photos" in err
    for key in held:
        (tmp_path / key).unlink()
    for path, count in ((tmp_path, 30 - len(held)), (tmp_path / "0.png", 1)):
        if not path.exists():
            path = next(tmp_path.iterdir())
        _, out, err = command(capsys, model_folder, path, *options)
        assert (json.loads(out)["photos"], json.loads(out)["split"]) == (count, "all")
        assert "measuring" not in err


def test_the_command_measures_crops_and_sources(
    photos: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--device", "cpu", "--size", "64", "--json", "--crop", 16, "--by-source")
    status, out, _ = command(capsys, model_folder, photos, *options)
    assert status == 0
    found = json.loads(out)
    assert found["pixels"] == found["photos"] * 16 * 16
    assert set(found["by_source"]) == {photos.name}


def test_the_command_says_what_it_needs(
    photos: Path,
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def missing(module: str) -> None:
        raise UsageError(
            "scikit-image is not installed", tip="pip install 'colorize-photos[evaluate]'"
        )

    monkeypatch.setattr("colorcli.extras.scikit_image", missing)
    status, out, err = command(capsys, model_folder, photos)
    assert (status, out) == (2, "")
    assert "colorize-photos[evaluate]" in err


@pytest.mark.parametrize("name", [GRAY, CONSTANT, "true"])
def test_a_model_that_is_called_as_a_baseline_is_refused(
    name: str,
    photos: Path,
    model_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The baseline of that name would be evaluated instead."""
    model = shutil.copytree(model_folder, tmp_path / name)
    status, out, err = command(capsys, model, photos, "--device", "cpu")
    assert (status, out) == (2, "")
    assert f"{name!r} is reserved for a baseline column" in err
    other = ("compare", model, model_folder, photos, "-o", tmp_path / "out")
    assert run_command_line(list(map(str, other))) == 2
    assert "rename the folder" in capsys.readouterr().err


def test_a_sheet_that_could_not_be_written_is_refused_before_the_work(
    photos: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("colorcli.cli.measuring.load_all", lambda *_, **__: pytest.fail("loaded"))
    (tmp_path / "file").write_text("precious")
    for sheet in (tmp_path / "file" / "sheet.png", tmp_path):
        status, _, err = command(capsys, model_folder, photos, "--sheet", sheet, "--force")
        assert status in (1, 2)
        assert "folder" in err
    out = ("compare", model_folder, photos, "-o", tmp_path / "file")
    assert run_command_line(list(map(str, out))) == 1
    assert "not a folder" in capsys.readouterr().err


def test_a_sheet_replaces_no_photo_and_no_file_of_another_kind(
    photos: Path, model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = next(path for path in sorted(photos.rglob("*")) if path.suffix == ".png")
    other = tmp_path / "other.jpg"
    other.write_text("precious")
    before = photo.read_bytes()
    stranger = tmp_path / "oma.png"
    stranger.write_bytes(before)
    for sheet, words in (
        (photo, "lies among the photos"),
        (other, "a .png file"),
        (stranger, "colorize did not draw"),
    ):
        status, _, err = command(capsys, model_folder, photos, "--sheet", sheet, "--force")
        assert status == 2
        assert words in err
    stranger.rename(tmp_path / "sheet.png")
    status = run_command_line(
        list(map(str, ("compare", model_folder, photos, "-o", tmp_path, "--force")))
    )
    assert status == 2
    assert (tmp_path / "sheet.png").read_bytes() == photo.read_bytes() == before
    assert other.read_text() == "precious"


def test_the_figures_are_printed_even_if_the_disk_is_full_then(
    photos: Path,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(path: Path, *_: Any, **__: Any) -> None:
        raise PhotoError(f"{path}: cannot be written: the disk is full")

    monkeypatch.setattr("colorcli.files.write_whole", full)
    options = ("--device", "cpu", "--size", "64", "--limit", 1)
    status, out, err = command(
        capsys, model_folder, photos, *options, "--sheet", tmp_path / "sheet.png"
    )
    assert (status, "PSNR" in out, "full" in err) == (1, True, True)
    other = ("compare", model_folder, photos, *options, "-o", tmp_path / "out")
    assert run_command_line(list(map(str, other))) == 1
    assert "PSNR" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("no-such-model", "PHOTOS"), 1, "no-such-model"),
        (("MODEL", "/no/such/folder"), 2, "no such file"),
        (("MODEL", "PHOTOS", "--split", "none"), 2, "no photo has split"),
        (("MODEL", "PHOTOS", "--size", "big"), 2, "not a size"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: tuple[str, ...],
    status: int,
    words: str,
    photos: Path,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"MODEL": model_folder, "PHOTOS": photos}
    found, out, err = command(capsys, *(given.get(word, word) for word in arguments))
    assert (found, out) == (status, "")
    assert words in err
    assert "Traceback" not in err
