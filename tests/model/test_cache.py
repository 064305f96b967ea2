"""The cache makes loading faster or does nothing; it never changes a result or stops a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from colorcli.errors import ModelError
from colorcli.model import cache
from colorcli.model.sessions import Model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("COLORIZE_CACHE", str(path))
    return path


@pytest.fixture
def copied(model_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model_folder, tmp_path / "model")


def ab(folder: Path) -> np.ndarray:
    model = Model.load(str(folder), device="cpu", threads=1, precision="fp32")
    L = np.linspace(0, 100, 64 * 48, dtype=np.float32).reshape(1, 1, 48, 64)
    view = np.linspace(0, 100, 224 * 224, dtype=np.float32).reshape(1, 1, 224, 224)
    return model.ab(model.low_level(L), model.global_features(view))


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_results_are_equal_to_the_bit(
    folder: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, read = ab(model_folder), ab(model_folder)
    assert len(entries(folder)) == 3
    monkeypatch.setenv("COLORIZE_CACHE", "off")
    plain = ab(model_folder)
    assert np.array_equal(made, plain)
    assert np.array_equal(read, plain)


@pytest.mark.parametrize("word", ["", "0", "off", "OFF"])
def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("COLORIZE_CACHE", word)
    assert cache.cache_folder() is None


@pytest.mark.skipif(os.name == "nt", reason="XDG is for Unix")
def test_its_home_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COLORIZE_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "colorize"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_folder() == tmp_path / "home" / ".cache" / "colorize"


def test_a_changed_graph_is_another_entry(folder: Path, copied: Path) -> None:
    ab(copied)
    before = entries(folder)
    graph = copied / "global.onnx"
    os.utime(graph, ns=(1, 1))
    ab(copied)
    assert len(entries(folder) - before) == 1


def test_everything_that_matters_is_in_the_key(
    folder: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = copied / "global.onnx"
    keys = [
        cache.entry_folder(graph, sha256="a", runtime="1"),
        cache.entry_folder(graph, sha256="b", runtime="1"),
        cache.entry_folder(graph, sha256="a", runtime="2"),
    ]
    monkeypatch.setattr(cache, "cpu_identity", lambda: "another")
    keys.append(cache.entry_folder(graph, sha256="a", runtime="1"))
    assert len(set(keys)) == 4


@pytest.mark.parametrize("file", [cache.GRAPH, cache.WEIGHTS])
@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_a_damaged_entry_is_made_anew(
    folder: Path, model_folder: Path, file: str, damage: str
) -> None:
    whole = ab(model_folder)
    for entry in folder.iterdir():
        path = entry / file
        data = path.read_bytes()
        path.unlink()  # a file mapped by another process is never written to
        if damage != "gone":
            path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"")
    assert np.array_equal(ab(model_folder), whole)
    assert all((entry / file).stat().st_size > 0 for entry in folder.iterdir())


def test_a_cache_that_cannot_be_written_is_ignored(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("COLORIZE_CACHE", str(blocked))
    assert ab(model_folder).shape == (1, 2, 24, 32)
    assert blocked.read_text() == "not a folder"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_cache_of_a_name_that_no_disk_takes_is_ignored(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / name)
    assert ab(model_folder).shape == (1, 2, 24, 32)


def test_a_broken_graph_is_the_model_s_error_not_the_cache_s(folder: Path, copied: Path) -> None:
    (copied / "global.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"global\.onnx"):
        ab(copied)
    assert not [name for name in entries(folder) if name.startswith(".new-")]


def test_an_interrupted_write_leaves_nothing(folder: Path) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    assert not cache.save(folder / "entry", fails)
    assert entries(folder) == set()


def test_the_slower_of_two_processes_takes_the_other_s_entry(folder: Path) -> None:
    def other_was_faster(path: Path) -> None:
        path.write_bytes(b"mine")
        (folder / "entry").mkdir()
        (folder / "entry" / cache.GRAPH).write_bytes(b"theirs")

    assert cache.save(folder / "entry", other_was_faster)
    assert (folder / "entry" / cache.GRAPH).read_bytes() == b"theirs"
    assert entries(folder) == {"entry"}


def test_old_entries_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT", 2)
    names = [number * 32 for number in "01234"]
    for index, name in enumerate(names[:4]):
        assert cache.save(folder / name, lambda path: path.write_bytes(b"x") and None)
        os.utime(folder / name, (index, index))
    cache.save(folder / names[4], lambda path: path.write_bytes(b"x") and None)
    assert entries(folder) == {names[3], names[4]}


def test_what_was_used_lately_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT", 2)
    old, older, new = (number * 32 for number in "012")
    for index, name in enumerate((older, old)):
        cache.save(folder / name, lambda path: path.write_bytes(b"x") and None)
        os.utime(folder / name, (index, index))
    assert cache.load(folder / older, Path.read_bytes) == b"x"
    cache.save(folder / new, lambda path: path.write_bytes(b"x") and None)
    assert entries(folder) == {older, new}


def test_what_others_keep_in_the_folder_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`COLORIZE_CACHE` may name a home, a cache of several programs, /tmp."""
    monkeypatch.setattr(cache, "KEPT", 1)
    kept = [tmp_path / "thesis", tmp_path / ("a" * 32), tmp_path / ".new-year"]
    for path in kept:
        path.mkdir()
        (path / "chapter1.txt").write_text("years of work")
        os.utime(path, (1, 1))
    (tmp_path / ("b" * 32)).symlink_to(tmp_path / "thesis")
    for name in "cde":
        assert cache.save(tmp_path / (name * 32), lambda path: path.write_bytes(b"x") and None)
    assert all((path / "chapter1.txt").exists() for path in kept)
    assert (tmp_path / ("b" * 32)).is_symlink()
    assert len(list(tmp_path.iterdir())) == 5
