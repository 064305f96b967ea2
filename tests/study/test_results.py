from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorcli.cli.ending import run_command_line
from colorcli.study.answers import Answer
from colorcli.study.key import Key, Origin, read_key
from colorcli.study.results import results_of, wilson

# Results: two photos, both with a picture by "m" and a true one.
KEY = Key(
    "5tudy",
    "Is the image looking natural?",
    0,
    ("m", "true"),
    {f"{system}{photo}": Origin(system, photo) for system in ("m", "true") for photo in "ab"},
)


def answered(participant: str, **natural: bool) -> list[Answer]:
    return [Answer(participant, picture, yes, 1000.0) for picture, yes in natural.items()]


def test_naturalness_is_pooled_and_the_median_over_participants() -> None:
    found = results_of(
        KEY,
        answered("x", ma=True, mb=True, truea=True, trueb=True)
        + answered("y", ma=True, mb=False, truea=True)
        + answered("z", ma=False),
    )
    model, true = found.systems["m"], found.systems["true"]
    assert found.participants == 3
    assert (model.participants, model.answers, model.natural) == (3, 5, 60.0)  # 3 of 5
    assert model.median == 50.0  # of 100, 50 and 0
    assert (true.participants, true.answers, true.natural, true.median) == (2, 3, 100.0, 100.0)


def test_the_fooling_rate_is_of_photos_judged_in_both_versions() -> None:
    found = results_of(
        KEY,
        answered("x", ma=True, mb=True, truea=True, trueb=False)
        + answered("y", ma=False, mb=True, truea=True),  # b of y has no pair
    )
    fooling = found.systems["m"].fooling
    assert fooling is not None
    assert fooling.pairs == 3
    assert fooling.rate == pytest.approx(100 * 2 / 3)
    assert fooling.true_rate == pytest.approx(100 * 2 / 3)
    assert found.systems["true"].fooling is None


def test_without_true_photos_there_is_no_fooling_rate() -> None:
    assert results_of(KEY, answered("x", ma=True)).systems["m"].fooling is None


def test_the_time_is_the_median() -> None:
    times = [Answer("x", "ma", True, 500), Answer("x", "mb", True, 900), Answer("y", "ma", 1, 8000)]
    assert results_of(KEY, times).systems["m"].seconds == 0.9


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # By hand, z² = 3.8415: 0 of 10 → z²/(10 + z²).
        (0, 10, 0.0, 3.8415 / 13.8415),
        (10, 10, 10 / 13.8415, 1.0),
        # 5 of 10: 0.5 ± (1.96·√(0.025 + 0.0096))/1.38415
        (5, 10, 0.2366, 0.7634),
        # The paper's 89.6 % of 2000 answers.
        (1792, 2000, 0.8819, 0.9086),
    ],
)
def test_wilsons_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=1e-4)


Answers = Callable[..., Path]


@pytest.fixture
def answers(folder: Path, tmp_path: Path) -> Answers:
    """Write the file of a participant who judges every picture natural, except for the changes."""
    key = read_key(folder / "key.json")

    def write(name: str, **changed: Any) -> Path:
        body = {
            "colorize_study_answers": 1,
            "study": key.study,
            "participant": name,
            "answers": [{"picture": p, "natural": True, "ms": 1200} for p in key.pictures],
        }
        path = tmp_path / f"answers-{name}.json"
        path.write_text(json.dumps(body | changed))
        return path

    return write


def results(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run_command_line(["study", "results", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_command_prints_a_table(
    folder: Path, model_folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = results(capsys, folder / "key.json", answers("anna"), answers("ben"))
    assert status == 0
    for word in (model_folder.name, "true", "natural, %", "100.0", "fooling rate", "1.20"):
        assert word in out


def test_the_command_prints_json(
    folder: Path, model_folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = results(capsys, folder / "key.json", answers("anna"), "--json")
    assert status == 0
    found = json.loads(out)
    assert found["participants"] == 1
    assert found["systems"][model_folder.name] == {
        "participants": 1,
        "answers": 3,
        "natural": 100.0,
        "interval": [pytest.approx(43.85, abs=0.01), 100.0],  # 3/(3 + z²)
        "median": 100.0,
        "seconds": 1.2,
        "fooling": {"pairs": 3, "rate": 100.0, "true_rate": 100.0},
    }


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The single error line, without its "error: "."""
    status, out, err = results(capsys, *arguments)
    assert status == 2
    assert out == ""
    error, tip = err.splitlines()
    assert error.startswith("error: ")
    assert tip.startswith("tip: ")
    return error


def test_a_participant_counts_once(
    folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = answers("anna"), answers("again", participant=" Anna")
    line = refused(capsys, folder / "key.json", first, second)
    assert f"{second}: participant ' Anna' is in {first} already" in line


PICTURE = {"picture": "?", "natural": True, "ms": 1}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"study": "another"}, "answers to study another"),
        ({"study": 3}, "not the answers of a participant"),
        ({"answers": None}, "not the answers of a participant"),
        ({"participant": " "}, "no participant is named"),
        ({"answers": [PICTURE]}, "answer 1 is to '?', which is not in the key"),
        ({"answers": [PICTURE | {"natural": 1}]}, "answer 1 is broken"),
        ({"answers": [PICTURE | {"ms": -5}]}, "answer 1 is broken"),
        ({"answers": [PICTURE | {"ms": float("nan")}]}, "answer 1 is broken"),
        ({"answers": ["yes"]}, "answer 1 is broken"),
    ],
)
def test_answers_that_cannot_count_are_one_line(
    folder: Path,
    answers: Answers,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    fault: str,
) -> None:
    path = answers("anna", **changed)
    assert f"{path}: {fault}" in refused(capsys, folder / "key.json", path)


def test_one_picture_is_answered_once(
    folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = next(iter(read_key(folder / "key.json").pictures))
    path = answers("anna", answers=[PICTURE | {"picture": picture}] * 2)
    assert f"{path}: answer 2 is the second" in refused(capsys, folder / "key.json", path)


def test_no_answer_at_all_is_one_line(
    folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    path = answers("anna", answers=[])
    assert f"{path}: no answers" in refused(capsys, folder / "key.json", path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read"),
        (b"{", "broken JSON"),
        (b"\xff\xfe\x00", "broken JSON"),
        (b"[" * 100_000, "broken JSON"),
        (b"[]", "not a JSON object"),
    ],
)
@pytest.mark.parametrize("place", ["key", "answers"])
def test_files_that_are_none_are_one_line(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    fault: str,
    place: str,
) -> None:
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_bytes(content)
    arguments = (path, path) if place == "key" else (folder / "key.json", path)
    assert f"{path}: {fault}" in refused(capsys, *arguments)


def test_the_key_comes_first(
    folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    path = answers("anna")
    assert f"{path}: not the key of a study" in refused(capsys, path, folder / "key.json")


def test_a_newer_key_is_told(
    folder: Path, answers: Answers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"colorize_study_key": 2}))
    assert "key format 2 is too new" in refused(capsys, path, answers("anna"))


def test_results_import_no_model_and_no_torch(folder: Path, answers: Answers) -> None:
    script = (
        "import sys; from colorcli.cli.ending import run_command_line as run\n"
        "status = run(sys.argv[1:])\n"
        "print('imported', *{'torch', 'onnx', 'onnxruntime', 'skimage'} & set(sys.modules))\n"
        "sys.exit(status)"
    )
    command = [sys.executable, "-c", script, "study", "results"]
    command += [str(folder / "key.json"), str(answers("anna"))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "imported"
