from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorcli.batch import run as run_module
from colorcli.batch.engine import Engine, EngineSettings
from colorcli.batch.outcome import Counts
from colorcli.batch.plan import make_plan
from colorcli.batch.run import Batch, Workers
from colorcli.batch.stages import Settings, Work
from colorcli.errors import ModelError, UsageError

SETTINGS = Settings(size=64)


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Engine:
    return Engine(EngineSettings(str(model_folder), device="cpu", threads=1))


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """12 photos of different sizes, so that they overtake each other where possible."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(12):
        side = 300 if number % 3 == 0 else 8
        ramp = np.tile(np.linspace(0, 255, side).astype(np.uint8), (side, 1))
        cv2.imwrite(str(folder / f"{number:02}.png"), ramp)
    return folder


@pytest.mark.parametrize("workers", [Workers(1, 1), Workers(4, 4)])
def test_outcomes_come_in_the_order_of_the_plan(
    album: Path, engine: Engine, workers: Workers
) -> None:
    (album / "05.png").write_bytes(b"no photo")
    jobs = make_plan([str(album), "missing.jpg"], output="out")
    outcomes = list(Batch(jobs, SETTINGS, engine, workers))
    assert [outcome.source for outcome in outcomes] == [job.source for job in jobs]
    assert [o.source.name for o in outcomes if o.status == "failed"] == ["05.png", "missing.jpg"]
    for outcome in outcomes:
        assert (outcome.status == "done") == (
            outcome.target is not None and outcome.target.exists()
        )
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    assert all(o.seconds > 0 and o.width and o.height for o in done)


def test_an_output_that_came_after_the_plan_is_skipped_or_kept(album: Path, engine: Engine) -> None:
    jobs = make_plan([str(album / "01.png")], output="one.png")
    Path("one.png").write_bytes(b"somebody else's")
    for skip_existing, expected in ((True, "skipped"), (False, "failed")):
        settings = SETTINGS._replace(skip_existing=skip_existing)
        (outcome,) = Batch(jobs, settings, engine)
        assert outcome.status == expected
        assert "exists already" in (outcome.reason or "")
        assert Path("one.png").read_bytes() == b"somebody else's"


def test_a_photo_that_vanishes_after_the_plan(album: Path, engine: Engine) -> None:
    jobs = make_plan([str(album)], output="out")
    (album / "03.png").unlink()
    outcomes = list(Batch(jobs, SETTINGS, engine))
    assert [o.source.name for o in outcomes if o.status == "failed"] == ["03.png"]


def test_an_output_that_appears_after_the_plan_is_kept(album: Path, engine: Engine) -> None:
    jobs = make_plan([str(album)], output="out")
    Path("out").mkdir()
    Path("out/03.png").write_bytes(b"theirs")
    outcomes = list(Batch(jobs, SETTINGS, engine))
    theirs = Path("out/03.png")
    assert [o.reason for o in outcomes if o.status == "failed"] == [f"{theirs}: exists already"]
    assert theirs.read_bytes() == b"theirs"


def test_an_impossible_output_folder_is_found_before_any_photo_is_read(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("read for nothing")

    monkeypatch.setattr(run_module, "load", load)
    (album / "sub").mkdir()
    (album / "00.png").rename(album / "sub" / "00.png")
    Path("file").write_bytes(b"in the way")
    outcomes = list(Batch(make_plan([str(album)], output="file/new"), SETTINGS, engine))
    assert [outcome.status for outcome in outcomes] == ["failed"] * 12
    assert outcomes[0].reason == (
        f"{Path('file/new/01.png')}: cannot be written: a part of the path is a file, not a folder"
    )
    assert sorted(path.name for path in Path().iterdir()) == ["album", "file"]


def test_one_impossible_folder_among_others_fails_alone(album: Path, engine: Engine) -> None:
    (album / "sub").mkdir()
    (album / "00.png").rename(album / "sub" / "00.png")
    jobs = make_plan([str(album)], output="out")
    Path("out").mkdir()
    Path("out/sub").write_bytes(b"in the way")
    outcomes = list(Batch(jobs, SETTINGS, engine))
    assert [o.source.parent.name for o in outcomes if o.status == "failed"] == ["sub"]
    assert len([o for o in outcomes if o.status == "done"]) == 11


@pytest.mark.skipif(os.name == "nt", reason="symbolic links")
def test_a_link_that_appears_after_the_plan_leads_nowhere(
    album: Path, engine: Engine, tmp_path: Path
) -> None:
    (album / "sub").mkdir()
    (album / "00.png").rename(album / "sub" / "00.png")
    jobs = make_plan([str(album)], output="out")
    Path("elsewhere").mkdir()
    Path("out").mkdir()
    Path("out/sub").symlink_to(tmp_path / "elsewhere")
    outcomes = list(Batch(jobs, SETTINGS, engine))
    assert [o.source.parent.name for o in outcomes if o.status == "failed"] == ["sub"]
    assert list(Path("elsewhere").iterdir()) == []


def test_a_fault_of_the_program_costs_one_photo(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    colorizer = engine.colorizer()
    real: Callable[..., object] = colorizer.predict

    def predict(photo: object, **options: object) -> object:
        if getattr(photo, "shape", None) == (300, 300):
            raise ZeroDivisionError("boom")
        return real(photo, **options)

    monkeypatch.setattr(colorizer, "predict", predict)
    outcomes = list(Batch(make_plan([str(album)], output="out"), SETTINGS, engine))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert len(failed) == 4
    assert failed[0].reason == "unforeseen ZeroDivisionError: boom"
    assert failed[0].tip == "COLORIZE_DEBUG=1 shows the traceback; please report it"
    assert "Traceback" in str(failed[0].trace)
    assert failed[0].target is not None
    assert not failed[0].target.exists(), "never an uncoloured picture handed back as done"


def test_wrong_usage_ends_the_batch(album: Path, engine: Engine) -> None:
    with pytest.raises(UsageError):
        list(Batch(make_plan([str(album)], output="out"), Settings(size=1), engine))
    assert not Path("out").exists()


def test_a_model_that_cannot_be_loaded_ends_the_batch(album: Path) -> None:
    engine = Engine(EngineSettings("no such model"))
    with pytest.raises(ModelError):
        list(Batch(make_plan([str(album)], output="out"), SETTINGS, engine))
    assert not Path("out").exists()


def test_nothing_to_do_loads_no_model(album: Path) -> None:
    # Loading would end the batch with a ModelError, as above.
    engine = Engine(EngineSettings("no such model"))
    outcomes = list(Batch(make_plan(["missing.jpg"]), SETTINGS, engine))
    assert [outcome.status for outcome in outcomes] == ["failed"]


def test_a_stopped_batch_reports_all_it_wrote(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()
    real = run_module.predict

    def predict(work: Work, *rest: object) -> None:
        if work.job.source.name == "08.png":
            assert stopped.wait(60)  # or all might finish before the third is reported
        real(work, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "predict", predict)
    batch = Batch(make_plan([str(album)], output="out"), SETTINGS, engine, Workers(2, 2))
    counts = Counts()
    for outcome in batch:
        counts.add(outcome)
        if counts.done == 3:
            batch.stop()
            stopped.set()
    written = [path.name for path in Path("out").iterdir()]
    assert 3 <= counts.done == len(written) <= 8
    assert counts.failed == 0
    assert not any(name.startswith(".") for name in written)


def test_no_photo_is_waited_for_without_a_timeout(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows nothing else lets a second Ctrl-C through."""
    saving, waiting = threading.Event(), threading.Event()
    deaf: list[bool] = []

    def save(*arguments: Any) -> Any:
        saving.set()
        assert waiting.wait(60)
        time.sleep(0.05)
        saving.clear()
        return real(*arguments)

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            deaf.append(wait and saving.is_set())
            waiting.set()
            super().shutdown(wait, cancel_futures=cancel_futures)

    real = run_module.save
    monkeypatch.setattr(run_module, "save", save)
    monkeypatch.setattr(run_module, "ThreadPoolExecutor", Pool)
    batch = Batch(make_plan([str(album)], output="out"), SETTINGS, engine, Workers(1, 1))
    threading.Thread(target=lambda: saving.wait(60) and batch.stop()).start()
    outcomes = list(batch)
    assert [outcome.status for outcome in outcomes] == ["done"]
    assert len(list(Path("out").iterdir())) == 1
    assert deaf
    assert not any(deaf)


def most_at_once(monkeypatch: pytest.MonkeyPatch, stage: str, wanted: int = 1) -> Callable[[], int]:
    """The largest number of photos in a stage at once.

    Until `wanted` photos have met there, each waits for the others, a minute at most; after that
    each takes long enough to meet others.
    """
    changed, now, most = threading.Condition(), 0, 0
    real = getattr(run_module, stage)

    def watched(*arguments: object) -> object:
        nonlocal now, most
        with changed:
            now += 1
            most = max(most, now)
            changed.notify_all()
            changed.wait_for(lambda: most >= wanted, timeout=60)
        time.sleep(0.05)
        try:
            return real(*arguments)
        finally:
            with changed:
                now -= 1

    monkeypatch.setattr(run_module, stage, watched)
    return lambda: most


def test_photos_waiting_to_be_saved_are_bounded(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_at_once(monkeypatch, "save")
    monkeypatch.setattr(run_module, "ROOM_PIXELS", 100)
    jobs = make_plan([str(album)], output="out")
    outcomes = list(Batch(jobs, SETTINGS, engine, Workers(4, 4)))
    assert len(outcomes) == 12
    assert most() == 1, "photos larger than the room pass alone; two of 8×8 pixels do not fit"


def test_where_no_more_threads_are_to_be_had_fewer_do_the_work(
    album: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container with a limit on processes."""
    start, predictors = threading.Thread.start, 0

    def few(thread: threading.Thread) -> None:
        nonlocal predictors
        predictors += thread.name == "colorize-predict"
        if thread.name == "colorize-predict" and predictors > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
    jobs = make_plan([str(album)], output="out")
    engine = Engine(EngineSettings(str(model_folder), device="cpu", threads=4))
    outcomes = list(Batch(jobs, SETTINGS, engine, Workers(1, 1, predictors=4)))
    assert predictors == 3
    assert [outcome.status for outcome in outcomes] == ["done"] * 12


def test_many_photos_seen_small_are_predicted_one_a_core() -> None:
    auto, full = Settings(), Settings(size="full")
    assert Workers.for_batch(200, auto, cores=4).predictors == 4
    assert Workers.for_batch(200, auto, cores=96).predictors <= 8  # each holds a photo
    assert Workers.for_batch(200, auto, cores=1).predictors == 1
    assert Workers.for_batch(3, auto, cores=4).predictors == 1  # the cores share each
    # A pass over a large part of a photo takes too much memory for several at once.
    assert Workers.for_batch(200, full, cores=4).predictors == 1
    assert Workers.for_batch(200, Settings(size=4096), cores=4).predictors == 1


@pytest.mark.parametrize(
    ("cores", "at_once", "threads"), [(2, 2, 1), (8, 8, 1), (16, 8, 9), (None, 1, None), (3, 1, 3)]
)
def test_sessions_and_their_callers_take_the_cores_together(
    cores: int | None, at_once: int, threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A session's threads, less one, are shared by all its callers: 16 = 8 callers + 9 - 1.
    given: list[int | None] = []

    def load(*_: object, threads: int | None, **__: object) -> None:
        given.append(threads)

    monkeypatch.setattr("colorcli.router.load_colorizer", load)
    engine = Engine(EngineSettings(device="cpu", threads=cores))
    engine.start(at_once)
    engine.colorizer()
    assert given == [threads]


@pytest.fixture
def fresh(model_folder: Path) -> Engine:
    """An engine not started yet."""
    return Engine(EngineSettings(str(model_folder), device="cpu"))


def test_photos_predicted_at_once_come_out_as_one_by_one(album: Path, model_folder: Path) -> None:
    written = []
    for at_once in (1, 3):
        engine = Engine(EngineSettings(str(model_folder), device="cpu"))
        jobs = make_plan([str(album)], output=f"out-{at_once}")
        outcomes = list(Batch(jobs, SETTINGS, engine, Workers(2, 2, at_once)))
        assert [outcome.source for outcome in outcomes] == [job.source for job in jobs]
        assert all(outcome.status == "done" for outcome in outcomes)
        files = sorted(Path(f"out-{at_once}").iterdir())
        written.append([cv2.imread(str(file)) for file in files])
    for one, other in zip(*written, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_photos_are_predicted_at_once(
    album: Path, fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_at_once(monkeypatch, "predict", wanted=3)
    jobs = make_plan([str(album)], output="out")
    outcomes = list(Batch(jobs, SETTINGS, fresh, Workers(2, 2, 3)))
    assert [outcome.status for outcome in outcomes] == ["done"] * 12
    assert most() == 3


def test_an_engine_that_was_started_for_one_photo_keeps_to_it(
    album: Path, fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = most_at_once(monkeypatch, "predict")
    fresh.start()
    jobs = make_plan([str(album)], output="out")
    assert len(list(Batch(jobs, SETTINGS, fresh, Workers(2, 2, 3)))) == 12
    assert most() == 1


@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_photos_predicted_at_once_can_be_stopped(
    album: Path, fresh: Engine, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    most = most_at_once(monkeypatch, "predict", wanted=2)
    batch = Batch(make_plan([str(album)], output="out"), SETTINGS, fresh, Workers(2, 2, 3))
    done = []
    for outcome in batch:
        assert outcome.status == "done"
        done.append(outcome.target)
        if len(done) == stop_after:
            batch.stop()
    assert most() > 1
    assert sorted(done) == sorted(Path("out").iterdir()), "all that is written is reported"


def test_an_error_of_the_batch_loses_no_photo_that_was_finished(
    album: Path, fresh: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = run_module.predict

    def predict(work: Work, *rest: object) -> None:
        if work.job.source.name == "06.png":
            raise UsageError("wrong for every photo")
        real(work, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "predict", predict)
    batch = Batch(make_plan([str(album)], output="out"), SETTINGS, fresh, Workers(2, 2, 3))
    done: list[Path | None] = []

    def run() -> None:
        for outcome in batch:
            done.append(outcome.target)  # noqa: PERF401  (what was yielded before the error)

    with pytest.raises(UsageError, match="every photo"):
        run()
    written = sorted(Path("out").iterdir())
    assert sorted(done) == written
    assert [path.name for path in written][:6] == [f"{number:02}.png" for number in range(6)]


@pytest.mark.parametrize("loaders", [1, 3])
def test_no_more_photos_are_read_ahead_than_loaders_can_read(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, loaders: int
) -> None:
    lock = threading.Lock()
    read = predicted = most = 0
    real_load, real_predict = run_module.load, run_module.predict

    def load(*arguments: object) -> object:
        nonlocal read, most
        with lock:
            read += 1
            most = max(most, read - predicted)
        return real_load(*arguments)  # type: ignore[arg-type]

    def predict(*arguments: object) -> None:
        nonlocal predicted
        time.sleep(0.05)  # for a loader that would run ahead
        real_predict(*arguments)  # type: ignore[arg-type]
        with lock:
            predicted += 1

    monkeypatch.setattr(run_module, "load", load)
    monkeypatch.setattr(run_module, "predict", predict)
    jobs = make_plan([str(album)], output="out")
    assert len(list(Batch(jobs, SETTINGS, engine, Workers(loaders, 1)))) == 12
    assert read == predicted == 12
    assert most <= loaders + 1, "one a loader, and the one that is predicted: never the whole album"


@pytest.mark.parametrize("savers", [1, 3])
def test_no_more_photos_are_held_than_savers_can_write(
    album: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, savers: int
) -> None:
    lock = threading.Lock()
    predicted = saved = most = 0
    real_predict, real_save = run_module.predict, run_module.save

    def predict(*arguments: object) -> None:
        nonlocal predicted, most
        real_predict(*arguments)  # type: ignore[arg-type]
        with lock:
            predicted += 1
            most = max(most, predicted - saved)

    def save(*arguments: object) -> object:
        nonlocal saved
        time.sleep(0.1)  # for a predictor that would run ahead
        outcome = real_save(*arguments)  # type: ignore[arg-type]
        with lock:
            saved += 1
        return outcome

    monkeypatch.setattr(run_module, "predict", predict)
    monkeypatch.setattr(run_module, "save", save)
    jobs = make_plan([str(album)], output="out")
    assert len(list(Batch(jobs, SETTINGS, engine, Workers(1, savers)))) == 12
    assert predicted == saved == 12
    assert most <= savers + 2, "one a saver, one that is next, and one that waits for its place"
