"""Imports run one way (docs/architecture.md): a layer imports nothing above it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import colorcli

PACKAGE = Path(colorcli.__file__).parent
PARTS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.name.startswith("__")
)
# Each may import those before it on its line, and modules on none of the lines.
CHAINS = (
    ("srgb", "lab", "photo", "walk", "collection", "evaluation", "study", "training", "cli"),
    ("guided", "abmap", "colorizer", "router", "scene", "batch", "bench", "cli"),
    ("model", "colorizer", "training", "cli"),
    ("metrics", "collection", "evaluation", "cli"),
)
FOUNDATIONS = ("errors", "extras", "files", "looks", "memory", "processor")


def imported(path: Path) -> set[str]:
    """The parts of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import, whose layer nobody sees"
            assert node.module is not None
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("colorcli.")}
    return found & set(PARTS)


def files_of(part: str) -> list[Path]:
    folder = PACKAGE / part
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{part}.py"]


def known_to(part: str) -> set[str]:
    """The parts that a part imports."""
    return set().union(*map(imported, files_of(part))) - {part}


def test_no_part_needs_itself_by_way_of_others() -> None:
    # Raises CycleError, which names the cycle.
    order = list(TopologicalSorter({part: known_to(part) for part in PARTS}).static_order())
    assert order[-1] == "cli"


@pytest.mark.parametrize("chain", CHAINS, ids=" → ".join)
def test_nothing_imports_what_is_above_it(chain: tuple[str, ...]) -> None:
    for position, part in enumerate(chain):
        above = set(chain[position + 1 :])
        for path in files_of(part):
            assert not imported(path) & above, path.relative_to(PACKAGE)


def test_foundations_know_of_foundations_alone() -> None:
    for part in FOUNDATIONS:
        assert known_to(part) <= set(FOUNDATIONS), part


def test_training_is_imported_by_its_commands_alone() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "training" in imported(path):
            assert path.relative_to(PACKAGE).parts[0] in ("training", "cli"), path
