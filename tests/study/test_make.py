from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from colorcli.collection.items import open_collection
from colorcli.evaluation.evaluate import central_square
from colorcli.study.key import read_key
from colorcli.study.page import ORDER, study_page
from colorcli.study.pictures import SIDE, Picture, make_pictures

from .making import PHOTOS, make


def shown_on(page: Path) -> tuple[str, list[tuple[str, int, bytes]]]:
    """The study's id, and each picture's id, photo number and JPEG."""
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
        true = central_square(cv2.imread(str(photos / origin.photo), cv2.IMREAD_COLOR_RGB), SIDE)
        off = np.abs(rgb.astype(int) - true).mean()
        assert (off < 4) == (origin.system == "true")


def test_the_page_is_blind(folder: Path, model_folder: Path) -> None:
    text = (folder / "study.html").read_text()
    for told in (model_folder.name, *PHOTOS, ".png"):
        assert told not in text
    # Sorted by ids that are hashes, so that the order reveals nothing either.
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
    cv2.imwrite(str(tmp_path / "camera.png"), data.camera())
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


def test_time_elsewhere_is_not_time_to_an_answer() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    page = study_page([], study="x", question="?")
    handler = re.search(r"let hiddenAt.*?\n\}\);\n", page, re.DOTALL)
    assert handler is not None
    script = """
    let now = 1000, shownAt = now, look;
    const performance = { now: () => now };
    const document = { hidden: false, addEventListener: (_, act) => { look = act; } };
    const go = (hidden, seconds) => { document.hidden = hidden; look(); now += 1000 * seconds; };
    %s
    now += 20000;  // looked at
    go(true, 60); go(false, 3); go(true, 5); go(false, 1);
    const seen = now - shownAt;
    shownAt = null; go(true, 5); go(false, 1);
    const none = shownAt;
    document.hidden = true;  // as a page that was opened behind others
    {
      %s
      shownAt = now; now += 9000; go(false, 2);
    }
    console.log(JSON.stringify([seen, none, now - shownAt]));
    """
    run = subprocess.run(
        [node, "-"],
        input=script % (handler[0], handler[0]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(run.stdout) == [24000, None, 2000]


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
        (["MODEL", "PHOTOS", "--question", " "], "--question: is empty"),
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
    # A model given twice by its path has no second name to tell them apart.
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
