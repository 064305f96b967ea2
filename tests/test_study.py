from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli.cli.ending import run_command_line
from colorcli.collection import open_collection
from colorcli.study.answers import Answer
from colorcli.study.key import Key, Origin, read_key
from colorcli.study.page import ORDER, study_page
from colorcli.study.pictures import SIDE, Picture, make_pictures, square
from colorcli.study.results import results_of, wilson

skimage_data = pytest.importorskip("skimage.data")

PHOTOS = ("astronaut", "coffee", "rocket", "chelsea")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        cv2.imwrite(str(root / f"{name}.png"), getattr(skimage_data, name)()[::2, ::2, ::-1])
    return root


def make(*arguments: Any) -> int:
    return run_command_line(
        ["study", "make", *map(str, arguments), "--device", "cpu", "--size", "64"]
    )


@pytest.fixture(scope="module")
def folder(model_folder: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three photos, each by the model and as it is."""
    out = tmp_path_factory.mktemp("study") / "of-three"
    assert make(model_folder, photos, "-o", out, "--photos", 3) == 0
    return out


def shown_on(page: Path) -> tuple[str, list[tuple[str, int, bytes]]]:
    """The study's id, and id, number of the photo and JPEG of each picture."""
    data = re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert data is not None
    body = json.loads(data[1])
    return body["study"], [(a, n, base64.b64decode(jpeg)) for a, n, jpeg in body["pictures"]]


def test_each_system_shows_each_photo_once(folder: Path, model_folder: Path) -> None:
    key = read_key(folder / "key.json")
    study, shown = shown_on(folder / "study.html")
    assert study == key.study
    assert key.systems == (model_folder.name, "true")
    assert {picture for picture, *_ in shown} == set(key.pictures)
    origins = sorted((origin.photo, origin.system) for origin in key.pictures.values())
    assert len(set(origins)) == len(origins) == 6
    assert len({photo for photo, _ in origins}) == 3


def test_every_picture_is_a_square_of_224_pixels_without_metadata(folder: Path) -> None:
    for _, _, jpeg in shown_on(folder / "study.html")[1]:
        rgb = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert rgb.shape == (224, 224, 3)
        assert b"Exif" not in jpeg
        assert b"\xff\xfe" not in jpeg[:200]  # no comment either


def test_the_pictures_are_what_the_key_says(folder: Path, photos: Path) -> None:
    key = read_key(folder / "key.json")
    for picture, _, jpeg in shown_on(folder / "study.html")[1]:
        origin = key.pictures[picture]
        rgb = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        true = square(cv2.imread(str(photos / origin.photo), cv2.IMREAD_COLOR_RGB))
        off = np.abs(rgb.astype(int) - true).mean()
        assert (off < 4) == (origin.system == "true")


def test_the_page_is_blind(folder: Path, model_folder: Path) -> None:
    text = (folder / "study.html").read_text()
    for told in (model_folder.name, *PHOTOS, ".png"):
        assert told not in text
    # Sorted by ids that are hashes, so that the place tells nothing either.
    ids = [picture for picture, *_ in shown_on(folder / "study.html")[1]]
    assert ids == sorted(ids)
    assert all(re.fullmatch("[0-9a-f]{16}", picture) for picture in ids)


def test_the_page_is_alone(folder: Path) -> None:
    text = (folder / "study.html").read_text()
    assert not re.search(r"https?://|url\(|@import|<link|<script src", text)
    assert "default-src 'none'" in text


def test_versions_of_one_photo_are_known_as_such(folder: Path) -> None:
    key = read_key(folder / "key.json")
    photo_of = {n: key.pictures[i].photo for i, n, _ in shown_on(folder / "study.html")[1]}
    assert all(
        photo_of[n] == key.pictures[i].photo for i, n, _ in shown_on(folder / "study.html")[1]
    )
    assert len(set(photo_of.values())) == 3


def test_a_seed_makes_the_same_study_again(
    folder: Path, model_folder: Path, photos: Path, tmp_path: Path
) -> None:
    for seed, same in ((0, True), (1, False)):
        again = tmp_path / str(seed)
        assert make(model_folder, photos, "-o", again, "--photos", 3, "--seed", seed) == 0
        for name in ("study.html", "key.json"):
            assert ((again / name).read_bytes() == (folder / name).read_bytes()) == same


def test_the_truth_can_be_left_out(model_folder: Path, photos: Path, tmp_path: Path) -> None:
    assert make(model_folder, photos, "-o", tmp_path, "--no-truth") == 0
    assert read_key(tmp_path / "key.json").systems == (model_folder.name,)


def test_the_question_cannot_break_the_page(
    model_folder: Path, photos: Path, tmp_path: Path
) -> None:
    evil = "</title><script>alert(1)</script>{{data}}?"
    picture = Picture("0" * 16, "a", "b", b"jpeg")
    text = study_page([picture], study="x", question=evil)
    assert text.count("<script") == study_page([picture], study="x", question="?").count("<script")
    assert text.count('"pictures"') == 1


def brown(L: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.float32([8, 12]), (*L.shape, 2))


def test_black_and_white_photos_have_no_true_version(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "camera.png"), skimage_data.camera())
    ((picture,),) = make_pictures(
        {"brown": brown}, open_collection(tmp_path), photos=9, seed=0, failed=[]
    )
    assert picture.system == "brown"


def test_another_photo_is_drawn_for_a_broken_one(photos: Path, tmp_path: Path) -> None:
    for path in photos.iterdir():
        shutil.copy(path, tmp_path)
    for number in range(20):
        (tmp_path / f"broken-{number}.png").write_bytes(b"no photo")
    failed: list[tuple[str, str]] = []
    made = list(
        make_pictures({"brown": brown}, open_collection(tmp_path), photos=4, seed=0, failed=failed)
    )
    assert {of_one[0].photo for of_one in made} == {f"{name}.png" for name in PHOTOS}
    assert failed
    assert all(key.startswith("broken") for key, _ in failed)


def test_identical_pictures_of_two_systems_have_ids_of_their_own(photos: Path) -> None:
    models = {"one": brown, "two": brown}
    (made,) = make_pictures(models, open_collection(photos), photos=1, seed=0, failed=[])
    one, two = (picture for picture in made if picture.system != "true")
    assert one.jpeg == two.jpeg
    assert one.id != two.id


@pytest.mark.parametrize("shape", [(224, 224), (300, 500), (500, 300), (40, 1000), (1, 1)])
def test_any_photo_becomes_a_square(shape: tuple[int, int]) -> None:
    assert square(np.zeros((*shape, 3), np.uint8)).shape == (SIDE, SIDE, 3)


def test_the_square_is_the_middle() -> None:
    wide = np.zeros((300, 900, 3), np.uint8)
    wide[:, 300:600] = 255
    assert square(wide).min() == 255


def test_the_order_is_each_participants_own_and_no_photo_follows_itself() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = """
    const cases = [[0,1,2,0,1,2,0,1,2], [0,0,1,1], [0,0,0,1,1,1,2,3], [4], [0,0], []];
    console.log(JSON.stringify(cases.map(photos => Array.from({ length: 300 }, (_, k) =>
      orderOf(photos, generator("participant " + k))).concat([
      orderOf(photos, generator("participant 7"))]))));
    """
    run = subprocess.run(
        [node, "-"], input=ORDER + script, capture_output=True, text=True, check=True
    )
    cases = json.loads(run.stdout)
    given = [[0, 1, 2, 0, 1, 2, 0, 1, 2], [0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 2, 3], [4], [0, 0], []]
    for photos, orders in zip(given, cases, strict=True):
        assert all(sorted(order) == list(range(len(photos))) for order in orders)
        assert orders[7] == orders[-1]
        if len(set(photos)) > 1:
            assert all(photos[a] != photos[b] for order in orders for a, b in pairwise(order))
    assert len({tuple(order) for order in cases[0]}) > 290


# Results: two photos, "m" made both, "true" is there for both.
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
    """Writes the file of a participant who finds every picture natural, but for what is changed."""
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
    """The one line that refuses, after its "error: "."""
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
        ({"answers": [PICTURE]}, "answer 1 is to '?', no picture of the key"),
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
    assert f"{path}: answer 2 is a second one" in refused(capsys, folder / "key.json", path)


def test_no_answer_at_all_is_one_line(
    folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    path = answers("anna", answers=[])
    assert f"{path}: not one answer" in refused(capsys, folder / "key.json", path)


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
    assert "a key of format 2" in refused(capsys, path, answers("anna"))


def test_a_study_is_not_replaced_unasked(
    folder: Path, model_folder: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "key.json").read_bytes()
    assert make(model_folder, photos, "-o", folder) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "key.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["fusion"], "needs models and photos"),
        (["MODEL", "MODEL", "PHOTOS"], "a second system named"),
        (["MODEL", "PHOTOS", "--question", " "], "--question: there is none"),
        (["MODEL", "nowhere"], "nowhere: no such file or folder"),
    ],
)
def test_wrong_usage_is_one_line(
    model_folder: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    fault: str,
) -> None:
    # Named twice by its path, a model has no second name to go by.
    given = {"MODEL": model_folder, "PHOTOS": photos}
    if words.count("MODEL") == 2:
        words = [words[0], *words]
    assert make(*(given.get(word, word) for word in words), "-o", tmp_path / "out") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert fault in errors[0]
    assert not (tmp_path / "out").exists()


def test_photos_none_of_which_can_be_read_make_no_study(
    model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photo")
    assert make(model_folder, tmp_path, "-o", tmp_path / "out") == 1
    assert "none of 1 photos could be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
