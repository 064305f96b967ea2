"""Errors in a command line are reported in two lines, with exit status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from colorcli.__main__ import main
from colorcli.batch.engine import Engine, EngineSettings
from colorcli.batch.outcome import Outcome
from colorcli.cli import COMMANDS
from colorcli.cli.ending import wants_traces
from colorcli.cli.reporter import Reporter

from .conftest import Run, said


def test_a_process_that_ends_at_once_has_written_and_cleaned_up_what_it_should() -> None:
    program = """
import atexit, sys
from colorcli.__main__ import main
atexit.register(print, "at the end")
sys.argv = ["colorize", "--version"]
main()
print("never reached")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    version, last = done.stdout.splitlines()
    assert version.startswith("colorize ")
    assert last == "at the end"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--wrong photo.jpg", "no such option: --wrong"),
        ("photo.jpg --quality 101", "101 is not from 1 to 100"),
        (f"photo.jpg --quality {310 * '9'}", "is not from 1 to 100"),
        ("photo.jpg --quality high", "'high' is not a whole number"),
        ("photo.jpg --threads 0", "0 is not at least 1"),
        ("photo.jpg --threads 99999", "--threads 99999: at most "),
        ("photo.jpg --size huge", "--size huge: not a size"),
        ("photo.jpg --size -3", "not a size"),
        ("photo.jpg --max-pixels many", "--max-pixels many: not a number above 0"),
        ("photo.jpg --max-bytes 0", "--max-bytes 0"),
        ("photo.jpg --vividness 0", "0.0 is not at least 0.01"),
        ("photo.jpg --vividness nan", "nan is not a finite number"),
        ("photo.jpg --vividness inf", "inf is not a finite number"),
        ("photo.jpg --quiet --verbose", "contradict"),
        ("photo.jpg --format docx", "--format docx: no such format"),
        ("photo.jpg -o x.png --format jpeg", "contradict"),
        ("photo.jpg -o x", "does not say which format"),
        ("photo.jpg -o x.heic", "-o x.heic: .heic files cannot be written"),
        ("photo.jpg -o x.jxl --format png", "-o x.jxl: .jxl files cannot be written"),
        ("photo.jpg --max-pixels=", "--max-pixels : not a number above 0"),
        ("photo.jpg -o", "requires an argument"),
        ("--watch photo.jpg", "contradict"),
        ("photo.jpg --force --skip-existing", "contradict"),
        ("-o out.png", "no photo given"),
        ("modles", "no such command"),
        ("photo.jpg --report out.txt", "must end in .json"),
        ("photo.jpg --report out.json", "--dry-run writes no --report"),
        (f"photo.jpg --report {'x' * 300}.json", "the name is too long"),
        ("doctor --wrong", "no such option: --wrong"),
        ("bench --sizes 224,123456", "--sizes 224,123456: '123456' is too large"),
        ("export . -o model", "holds no training run"),
        ("data check . --chroma nan", "nan is not a finite number"),
    ],
)
def test_wrong_usage(
    arguments: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "modles" not in arguments:
        (tmp_path / "photo.jpg").write_bytes(b"not looked at")
    before = sorted(tmp_path.iterdir())
    is_main_job = "photo" in arguments
    assert main([*(["--dry-run"] if is_main_job else []), *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert len(lines) <= 2
    assert all(line.startswith("tip: ") for line in lines[1:])
    assert sorted(tmp_path.iterdir()) == before


def test_help_shows_the_main_job_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["-h"], ["photo.jpg", "--help"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        for word in ("--output", "--skip-existing", "--device", "--version", *COMMANDS):
            assert word in out


def test_nothing_asked_for_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "--output" in capsys.readouterr().out


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main([command, "--help"]) == 0
        assert command in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "extras"), [("evaluate", ["evaluate"]), ("quantize", ["train", "evaluate"])]
)
def test_help_names_the_extras_that_a_command_needs(
    command: str, extras: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split()).partition("Needs the extra")[2]
    assert all(extra in said.partition(".")[0] for extra in extras)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_pictures_that_are_not_read_are_said_at_the_end(
    run: Run, photos: Path, options: tuple[str, ...]
) -> None:
    for name in ("a.HEIC", "b.heic", "sub/c.gif", "notes.pdf"):
        (photos / name).write_bytes(b"not looked at")
    process = run(photos, "-o", "out", *options)
    assert process.returncode == 0
    warning, sums = said(process)[-2:]
    assert warning.endswith("unsupported formats: 1 .gif, 2 .heic; convert them first")
    assert "3 skipped, 0 failed" in sums
    assert run(photos, "-o", "other", "--quiet", *options).stderr == b""


def test_a_paragraph_of_help_breaks_where_the_line_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["evaluate", "--help"])
    shown = capsys.readouterr().out
    assert "of the photos measured if there is none." in " ".join(shown.split())
    lines = [line.strip() for line in shown.splitlines()]
    at = next(n for n, line in enumerate(lines) if line.startswith("The constant is"))
    assert len(lines[at + 1]) > 40, "no stump of a line that the docstring ended there"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("colorize ")


def test_shell_completion_knows_commands_and_options(run: Run) -> None:
    def complete(words: str, position: int) -> set[str]:
        env = {
            "_COLORIZE_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        }
        return set(run(env=env, model=None).stdout.decode().split())

    assert set(COMMANDS) <= complete("colorize ", 1)
    assert "--skip-existing" in complete("colorize --skip", 1)
    assert complete("colorize photo.jpg --dev", 2) == {"--device"}
    assert "--json" in complete("colorize doctor --", 2)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
def test_any_encoding_of_a_pipe_will_do(
    run: Run, photos: Path, tmp_path: Path, encoding: str
) -> None:
    """As a redirection on Windows has it."""
    (photos / "camera.jpg").rename(tmp_path / "тест.jpg")
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    name = r"\u0442\u0435\u0441\u0442"
    planned = run("тест.jpg", "--dry-run", model=None, env=env)
    assert planned.returncode == 0, planned.stderr
    assert planned.stdout.decode("ascii").rstrip() == f"{name}.jpg -> {name}.color.jpg"
    done = run("тест.jpg", "--json", env=env)
    assert f"{name}.jpg -> {name}.color.jpg" in said(done)
    assert json.loads(done.stdout)["target"] == "тест.color.jpg"
    described = run("train", "--help", model=None, env=env)
    assert described.returncode == 0, described.stderr
    assert "lambda of" in described.stdout.decode(encoding)


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_colour_and_progress_only_on_a_terminal(run: Run, photos: Path, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    def on_terminal(env: dict[str, str], *arguments: str) -> str:
        mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        try:
            run(photos, "missing.jpg", *arguments, stderr=theirs, env={"TERM": "xterm", **env})
        finally:
            os.close(theirs)
        text = b""
        try:
            while part := os.read(mine, 65536):
                text += part
        except OSError:  # its end, on Linux
            pass
        os.close(mine)
        return text.decode()

    coloured = on_terminal({"NO_COLOR": ""}, "-o", "a")
    assert "\x1b[31;1merror:\x1b[0m missing.jpg" in coloured
    assert "3/3" in coloured
    plain = on_terminal({"NO_COLOR": "1"}, "-o", "b")
    assert "error: missing.jpg" in plain
    assert "\x1b[3" not in plain
    piped = run(photos, "missing.jpg", "-o", "c").stderr.decode()
    assert "\x1b" not in piped
    assert "3/3" not in piped


def test_what_nobody_foresaw_is_one_line(run: Run, photos: Path, tmp_path: Path) -> None:
    # A module of this name hides the real one.
    (tmp_path / "numpy.py").write_text("raise ZeroDivisionError('boom')")
    process = run(photos / "camera.jpg", env={"PYTHONSAFEPATH": ""})
    assert process.returncode == 1
    assert [line.split(":")[0] for line in said(process)] == ["error", "tip"]
    process = run(photos / "camera.jpg", env={"COLORIZE_DEBUG": "1"})
    assert b"Traceback" in process.stderr
    assert b"Traceback" in run(photos / "camera.jpg", "-v", env={"PYTHONSAFEPATH": ""}).stderr


def test_a_file_that_is_called_like_an_option(run: Run, photos: Path) -> None:
    (photos / "camera.jpg").rename(photos / "-x.jpg")
    process = run("-x.jpg", cwd=photos)
    assert process.returncode == 2
    assert said(process)[-1] == "tip: for the file, write ./-x.jpg"
    assert run("./-x.jpg", cwd=photos).returncode == 0


def test_who_asks_for_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLORIZE_DEBUG", raising=False)
    assert wants_traces(["a.jpg", "-v"])
    assert wants_traces(["--verbose", "a.jpg"])
    assert not wants_traces(["a.jpg"])
    assert not wants_traces(["a.jpg", "--", "-v"]), "a file of that name"
    monkeypatch.setenv("COLORIZE_DEBUG", "1")
    assert wants_traces([])


@pytest.mark.parametrize(("debug", "verbose"), [("", False), ("1", False), ("", True)])
def test_a_fault_in_a_batch_shows_its_traceback_when_asked(
    debug: str, verbose: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLORIZE_DEBUG", debug)
    verbosity = SimpleNamespace(json=False, quiet=False, verbose=verbose)
    reporter = Reporter(verbosity, Engine(EngineSettings()), 2, None)
    reporter.tell(Outcome(Path("a.jpg"), None, "failed", reason="boom", trace="Traceback of boom"))
    err = capsys.readouterr().err
    assert "error: a.jpg: boom" in err
    assert ("Traceback" in err) == (bool(debug) or verbose)
