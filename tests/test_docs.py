"""Documentation as code: every command in it can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from colorcli.cli.group import COMMANDS, load_command

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/**/*.md")])

# A line of a block, or text between backticks, which may span lines.
_BLOCK = re.compile(r"^    (?:\$ )?((?:colorize|python benchmarks/\S+) .+)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:colorize|python benchmarks/\S+)\s[^`]+)`")


def commands() -> list[Any]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for shown in [*_BLOCK.findall(text), *_INLINE.findall(text)]:
            line = " ".join(shown.split())
            if "NAME.py" not in line:
                found.append(pytest.param(line, id=f"{page.name}: {line[:60]}"))
    return found


def words_of(line: str) -> list[str]:
    line = re.split(r"\s#|\s\|\s|[<>]|→", line)[0]
    return [word for word in shlex.split(line) if word not in ("…", "...")]


def test_every_page_is_looked_at() -> None:
    assert len(PAGES) > 10
    assert len(commands()) > 40


@pytest.mark.parametrize("line", commands())
def test_what_is_shown_can_be_typed(line: str) -> None:
    program, *arguments = words_of(line)
    if program == "python":
        script = (ROOT / arguments[0]).read_text(encoding="utf-8")
        for option in (word for word in arguments if word.startswith("--")):
            assert f'"{option}"' in script, f"{arguments[0]} has no {option}"
        return
    command = arguments[0] if arguments[0] in COMMANDS else None
    parser = load_command(command or "colorize")
    arguments = arguments[1:] if command else arguments
    while hasattr(parser, "commands") and arguments and arguments[0] in parser.commands:
        parser, arguments = parser.commands[arguments[0]], arguments[1:]
    known = {option for parameter in parser.params for option in parameter.opts} | {
        option for parameter in parser.params for option in parameter.secondary_opts
    }
    for option in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        assert option in known | {"--help", "--version", "--install-completion"}, (
            f"no option {option}"
        )


def test_the_example_of_the_readme_runs() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {"gray": data.camera()}
    exec(code, names)
    assert names["rgb"].shape == (*names["gray"].shape, 3)
    assert names["rgb"].dtype == np.uint8
