from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.lab import rgb_to_lab

from .conftest import PACKAGES, Run, said


def read(data: Path | bytes) -> np.ndarray:
    raw = data.read_bytes() if isinstance(data, Path) else data
    picture = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


def test_one_photo(run: Run, photos: Path) -> None:
    before = (photos / "camera.jpg").read_bytes()
    process = run(photos / "camera.jpg")
    assert process.returncode == 0, process.stderr
    assert process.stdout == b""
    assert read(photos / "camera.color.jpg").shape == (128, 128, 3)
    assert (photos / "camera.jpg").read_bytes() == before
    assert said(process)[-1].startswith("1 done, 0 skipped, 0 failed, ")
    assert said(process)[-1].endswith(" photos/s")
    assert not [line for line in said(process) if line.startswith(("error", "tip"))]


def test_options_before_and_after_the_photo(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run("-o", "a.png", photos / "camera.jpg").returncode == 0
    assert run(photos / "camera.jpg", "-o", "b.png", "--size", "64", "--quiet").returncode == 0
    assert read(tmp_path / "a.png").shape == read(tmp_path / "b.png").shape == (128, 128, 3)


def test_a_folder_comes_back_mirrored(run: Run, photos: Path, tmp_path: Path) -> None:
    process = run(photos, "-o", "out/new")
    assert process.returncode == 0, process.stderr
    found = {
        p.relative_to(tmp_path / "out/new").as_posix(): p for p in (tmp_path).rglob("new/**/*")
    }
    assert {name for name, path in found.items() if path.is_file()} == {
        "camera.jpg",
        "sub/astronaut.png",
    }
    assert said(process)[-1].startswith("2 done, 0 skipped, 0 failed, ")


def test_earlier_outputs_in_a_folder_are_left_alone_unless_named(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    assert run(photos, "-o", photos / "out").returncode == 0
    process = run(photos, "-o", tmp_path / "second", "--report", "report.json")
    assert process.returncode == 0, process.stderr
    assert said(process)[-1].startswith("2 done, 2 skipped, 0 failed, ")
    assert {p.name for p in (tmp_path / "second").iterdir()} == {"camera.jpg", "sub"}
    skipped = [
        p
        for p in json.loads((tmp_path / "report.json").read_text())["photos"]
        if p["status"] == "skipped"
    ]
    assert {p["reason"] for p in skipped} == {"an earlier output"}
    assert run(photos / "out" / "camera.jpg", "-o", "third.jpg").returncode == 0


def test_a_pipe(run: Run, photos: Path, tmp_path: Path) -> None:
    data = (photos / "camera.jpg").read_bytes()
    process = run("-", stdin_data=data)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(b"\xff\xd8"), "the format of what came in"
    assert read(process.stdout).shape == (128, 128, 3)
    process = run("-", "--format", "png", "--quiet", stdin_data=data)
    assert process.stdout.startswith(b"\x89PNG")
    assert process.stderr == b""
    assert run("-", "-o", "x.webp", stdin_data=data).returncode == 0
    assert read(tmp_path / "x.webp").shape == (128, 128, 3)


def test_the_file_that_standard_input_reads_is_an_input_too(run: Run, photos: Path) -> None:
    photo = photos / "camera.jpg"
    before = photo.read_bytes()
    with photo.open("rb") as stdin:
        process = run("-", "-o", photo, "--force", stdin=stdin)
    assert process.returncode == 2
    assert "would replace what is read from standard input" in said(process)[0]
    assert photo.read_bytes() == before
    # A file of that name makes no difference.
    (photos / "-").touch()
    process = run("-", "-o", "./-", "--format", "jpeg", "--force", stdin_data=before, cwd=photos)
    assert process.returncode == 0, process.stderr
    assert (photos / "-").read_bytes().startswith(b"\xff\xd8")


@pytest.mark.skipif(sys.platform != "linux", reason="what encoders print is overheard on Linux")
def test_what_an_encoder_refuses_is_one_line(run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tiny.png"), np.full((10, 10), 99, np.uint8))
    process = run("tiny.png", "-o", "tiny.jp2", "--quiet")
    assert process.returncode == 1
    line, tip = said(process)
    assert line.startswith("error: tiny.png: ")
    assert "below the encoder's limit of 32 per side" in line
    assert tip == "tip: --format png or tiff"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_model_that_cannot_be_read_is_no_puzzle(run: Run, photos: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.json").symlink_to("model.json")
    process = run(photos / "camera.jpg", "-o", "x.png", model=broken)
    assert process.returncode == 1
    assert said(process)[0] == f"error: {broken}/model.json: a link that leads back to itself"


def test_what_comes_through_a_pipe_may_be_no_photo(run: Run) -> None:
    for data in (b"", b"no photo at all"):
        process = run("-", stdin_data=data)
        assert process.returncode == 1
        assert process.stdout == b""
        assert [line for line in said(process) if line.startswith("error: standard input: ")]


def test_bad_photos_end_no_batch(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "a-text.jpg").write_text("this is text")
    (photos / "b-empty.png").write_bytes(b"")
    whole = (photos / "sub" / "astronaut.png").read_bytes()
    (photos / "c-cut.png").write_bytes(whole[: len(whole) // 2])
    process = run(photos, tmp_path / "missing.jpg", "-o", "out")
    assert process.returncode == 1
    lines = said(process)
    for name in ("a-text.jpg", "b-empty.png", "c-cut.png", "missing.jpg"):
        assert len([line for line in lines if line.startswith("error: ") and name in line]) == 1
    assert "Traceback" not in process.stderr.decode()
    assert lines[-1].startswith("2 done, 0 skipped, 4 failed, ")
    written = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert written == ["astronaut.png", "camera.jpg"]


def test_never_overwrites_without_force(run: Run, photos: Path) -> None:
    target = photos / "camera.color.jpg"
    target.write_bytes(b"precious")
    process = run(photos / "camera.jpg")
    assert process.returncode == 2
    assert [line.split(":")[0] for line in said(process)] == ["error", "tip"]
    assert target.read_bytes() == b"precious"
    process = run(photos / "camera.jpg", "--skip-existing")
    assert process.returncode == 0
    assert said(process)[-1] == "0 done, 1 skipped, 0 failed"
    assert target.read_bytes() == b"precious"
    assert run(photos / "camera.jpg", "--force").returncode == 0
    assert read(target).shape == (128, 128, 3)


def test_refused_before_any_work(run: Run, photos: Path, tmp_path: Path) -> None:
    (photos / "camera.png").write_bytes((photos / "sub" / "astronaut.png").read_bytes())
    process = run(photos, "-o", "out", "--format", "png")
    assert process.returncode == 2
    assert "would both be written to" in said(process)[0]
    assert not (tmp_path / "out").exists()


def test_a_folder_without_photos(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    process = run("empty")
    assert process.returncode == 1
    assert said(process)[0] == "error: empty: no photos in this folder"
    assert said(process)[1].startswith("tip: ")


def test_an_output_that_cannot_be_written(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    process = run(photos / "camera.jpg", "-o", "file/new.jpg")
    assert process.returncode == 1
    assert "is a file, not a folder" in process.stderr.decode()
    if Path("/proc/self").exists():
        process = run(photos, "-o", "/proc/colorize/")
        assert process.returncode == 1
        assert said(process)[-1].startswith("0 done, 0 skipped, 2 failed")


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
def test_a_write_that_breaks_off_leaves_nothing(run: Run, photos: Path, tmp_path: Path) -> None:
    import resource

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    tiny = np.full((8, 8), 128, np.uint8)
    cv2.imwrite(str(photos / "tiny.png"), tiny)
    process = run(photos, "-o", "out", preexec_fn=no_large_files)
    assert process.returncode == 1
    assert said(process)[-1].startswith("1 done, 0 skipped, 2 failed")
    assert [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()] == ["tiny.png"]


def test_dry_run(run: Run, photos: Path, tmp_path: Path) -> None:
    process = run(photos, "-o", "out", "--dry-run", model=None)
    assert process.returncode == 0
    lines = process.stdout.decode().splitlines()
    assert [line.split(" → ")[0] for line in lines] == [
        str(photos / "camera.jpg"),
        str(photos / "sub" / "astronaut.png"),
    ]
    assert said(process) == ["2 to do, 0 skipped, 0 failed; nothing was written"]
    assert not (tmp_path / "out").exists()


def test_limits_name_the_option(run: Run, photos: Path) -> None:
    for option, value in (("--max-bytes", "1k"), ("--max-pixels", "10k")):
        process = run(photos / "camera.jpg", option, value)
        assert process.returncode == 1, option
        assert option in process.stderr.decode()


def test_a_file_named_like_a_command(
    run: Run, photos: Path, tmp_path: Path, model_folder: Path
) -> None:
    (tmp_path / "doctor").write_bytes((photos / "camera.jpg").read_bytes())
    assert run("./doctor").returncode == 0
    assert (tmp_path / "doctor.color.png").exists()
    process = run("--force", "--model", model_folder, "--", "doctor", model=None)
    assert process.returncode == 0
    assert b"sha256" in run("doctor").stdout


def test_a_folder_named_like_a_command_may_be_the_value_of_an_option(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    assert run("-qo", "models", photos / "camera.jpg").returncode == 0
    assert (tmp_path / "models" / "camera.jpg").exists()


@pytest.mark.parametrize("before", [["-q"], ["--size", "200"], ["--model=vivid", "-v"]])
def test_a_command_behind_options_is_not_taken_for_a_photo(
    run: Run, tmp_path: Path, photos: Path, before: list[str]
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "camera.jpg").write_bytes((photos / "camera.jpg").read_bytes())
    process = run(*before, "models", model=None)
    assert process.returncode == 2
    assert b"models: a command comes before its options" in process.stderr
    assert not (tmp_path / "models.color").exists()


def test_the_scene_of_another_photo(run: Run, photos: Path, tmp_path: Path) -> None:
    own, lent = tmp_path / "own.png", tmp_path / "lent.png"
    dark = np.zeros((224, 224), np.uint8)
    cv2.imwrite(str(tmp_path / "night.png"), dark)
    assert run(photos / "camera.jpg", "-o", own).returncode == 0
    night = tmp_path / "night.png"
    process = run(photos / "camera.jpg", "--scene-from", night, "-o", lent)
    assert process.returncode == 0, process.stderr
    one, other = (cv2.imread(str(path)) for path in (own, lent))
    assert (one != other).any()
    L = [cv2.cvtColor(np.float32(image) / 255, cv2.COLOR_BGR2LAB)[..., 0] for image in (one, other)]
    assert np.abs(L[0] - L[1]).max() < 0.6  # each rounded to 8 bits


def test_a_scene_that_cannot_be_had_is_said_and_none_is_written_over(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    missing = run(photos / "camera.jpg", "--scene-from", "none.jpg", "-o", tmp_path / "a.png")
    assert (missing.returncode, missing.stderr.count(b"\n")) == (2, 1)
    assert b"--scene-from none.jpg: no such file" in missing.stderr
    small = run(photos / "camera.jpg", "--scene-from", photos / "camera.jpg", "--max-pixels", "100")
    assert b"over the limit of 100" in small.stderr
    scene = tmp_path / "scene.png"
    scene.write_bytes((photos / "camera.jpg").read_bytes())
    taken = run(photos / "camera.jpg", "--scene-from", scene, "-o", scene, "--force")
    assert taken.returncode == 2
    assert scene.read_bytes() == (photos / "camera.jpg").read_bytes()


def test_a_name_of_any_bytes(run: Run, photos: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"bad\xff\x1b[31m\nname.jpg") if os.name != "nt" else "ümlaut.jpg"
    (tmp_path / name).write_bytes((photos / "camera.jpg").read_bytes())
    process = run(tmp_path / name, "--json")
    assert process.returncode == 0, process.stderr
    assert b"\x1b" not in process.stdout + process.stderr
    assert len(process.stdout.splitlines()) == 1


def test_vividness_is_the_users_choice(run: Run, photos: Path, tmp_path: Path) -> None:
    chroma = []
    for vividness in ("0.5", "1", "2"):
        out = tmp_path / f"{vividness}.png"
        process = run(photos / "camera.jpg", "-o", out, "--vividness", vividness)
        assert process.returncode == 0, process.stderr
        lab = rgb_to_lab(cv2.imread(str(out), cv2.IMREAD_COLOR_RGB))
        chroma.append(np.hypot(lab[..., 1], lab[..., 2]).mean())
    assert chroma[0] < 0.7 * chroma[1] < 0.7 * chroma[2]


def test_quality_and_the_mark_are_the_users_choice(run: Run, photos: Path, tmp_path: Path) -> None:
    written = {}
    for name, options in {
        "usual": (),
        "small": ("--quality", "30"),
        "unmarked": ("--no-mark",),
    }.items():
        process = run(photos / "camera.jpg", "-o", tmp_path / f"{name}.jpg", *options)
        assert process.returncode == 0, process.stderr
        written[name] = (tmp_path / f"{name}.jpg").read_bytes()
    assert len(written["small"]) < 0.6 * len(written["usual"])
    marked = [name for name, data in written.items() if b"predicted by colorize" in data]
    assert marked == ["usual", "small"]


def test_tiles_of_the_users_choice_change_nothing(run: Run, many: Path, tmp_path: Path) -> None:
    for name, options in {"whole": (), "tiled": ("--tile", "256")}.items():
        process = run(many / "00.png", "-o", f"{name}.png", "--size", "full", *options)
        assert process.returncode == 0, process.stderr
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "tiled.png").read_bytes()


def test_a_precision_that_the_model_lacks_is_refused(
    run: Run, photos: Path, model_folder: Path
) -> None:
    lifelike = model_folder.parent / "lifelike"
    options = ("--force", "--precision")
    assert run(photos / "camera.jpg", *options, "fp32", model=lifelike).returncode == 0
    process = run(photos / "camera.jpg", *options, "int8", model=lifelike)
    assert process.returncode == 2
    assert "int8" in said(process)[0]


def test_cuda_by_name_fails_where_there_is_none(run: Run, photos: Path) -> None:
    process = run(photos / "camera.jpg", "--device", "cuda:99")
    assert process.returncode == 1
    error, tip = said(process)
    assert error.startswith("error: --device cuda:99 cannot be used: ")
    # The tip depends on what is missing; where there is a GPU it is never the extra alone.
    if "no NVIDIA driver" in error:
        assert "driver" in tip
        assert "colorize-photos[cuda]" in tip
    assert tip.startswith("tip: ")
    assert not (photos / "camera.color.jpg").exists()


def test_quiet_says_nothing_and_verbose_says_each(run: Run, photos: Path) -> None:
    assert run(photos, "-o", "a", "--quiet").stderr == b""
    lines = said(run(photos, "-o", "b", "--verbose"))
    assert len([line for line in lines if " → " in line]) == 2


def driver_only(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    script = Path(__file__).parent / "driver_only.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PACKAGES)},
        capture_output=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "darwin", reason="there is no CUDA")
def test_a_driver_without_the_libraries_of_cuda_spoils_no_output(photos: Path) -> None:
    """onnxruntime prints missing libraries on standard output, where the photo goes."""
    process = driver_only(photos / "camera.jpg", "-o", "-", "--model", "fusion")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(b"\xff\xd8")
    note, *rest = process.stderr.decode().splitlines()
    assert note.startswith("note: running on the CPU: the CUDA libraries do not load; ")
    assert "pip install 'colorize-photos[cuda]'" in note
    assert len(rest) == 2
    found = json.loads(driver_only("doctor", "--json").stdout)
    assert found["provider"] == "CPUExecutionProvider"
    refused = driver_only(photos / "camera.jpg", "-o", "-", "--device", "cuda")
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert [line.split(":")[0] for line in refused.stderr.decode().splitlines()] == ["error", "tip"]


def test_a_run_leaves_nothing_but_its_outputs(photos: Path, tmp_path: Path) -> None:
    """Not even onnxruntime's telemetry."""
    home = tmp_path / "home"
    home.mkdir()
    homes = ("HOME", "USERPROFILE", "XDG_CACHE_HOME")
    env = {name: str(home) if name in homes else value for name, value in os.environ.items()}
    # The tests' own onnxruntime was silenced when they imported the package.
    del env["ORT_DISABLE_TELEMETRY"]
    command = [sys.executable, "-m", "colorcli", str(photos / "camera.jpg"), "--quiet"]
    subprocess.run(
        command, env={**env, "COLORIZE_CACHE": "off", "PYTHONPATH": str(PACKAGES)}, check=True
    )
    assert (photos / "camera.color.jpg").exists()
    assert list(home.iterdir()) == []


def test_only_what_is_needed_is_imported(run: Run, photos: Path, model_folder: Path) -> None:
    import subprocess
    import sys

    import colorcli.errors

    program = (
        "import sys; from colorcli.__main__ import main; "
        f"status = main([{str(photos / 'camera.jpg')!r}, '--model', {str(model_folder)!r}]); "
        "print(status, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(colorcli.errors.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    status, *modules = process.stdout.split()
    assert status == "0"
    unwanted = {
        "torch",
        "onnx",
        "skimage",
        "scipy",
        "matplotlib",
        "PIL",
        "rich",
        "pydantic",
        "tqdm",
    }
    assert not unwanted & set(modules)


@pytest.mark.skipif(sys.platform != "linux", reason="damage is overheard on Linux")
def test_closed_streams_hide_no_damage(photos: Path, tmp_path: Path, model_folder: Path) -> None:
    damaged = bytearray((photos / "camera.jpg").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 100] = bytes(100)
    (tmp_path / "damaged.jpg").write_bytes(damaged)
    command = [sys.executable, "-m", "colorcli", "damaged.jpg", "--model", str(model_folder)]
    for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        assert in_shell(f"{shlex.join(command)} -o out.png {closed}", tmp_path).returncode == 1
        assert not (tmp_path / "out.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="a folder in use stays there")
def test_a_working_folder_that_is_gone_is_said(tmp_path: Path, photos: Path) -> None:
    command = [sys.executable, "-m", "colorcli", "../photos/camera.jpg"]
    line = f"mkdir gone && cd gone && rmdir ../gone && {shlex.join(command)}"
    shell = in_shell(line, tmp_path)
    assert shell.returncode == 1
    assert shell.stderr.decode().startswith("error: the working folder is gone")


def in_shell(line: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGES)}
    return subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, check=False
    )
