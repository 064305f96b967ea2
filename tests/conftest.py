"""Shared by several test modules."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data as skimage_data

# Variables that would colour or widen the program's output: typer reads them on import.
for _name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLORIZE_DEBUG"):
    os.environ.pop(_name, None)

MODELS = Path(__file__).parent.parent / "models"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Training tests, the slowest, first: each file runs in one worker, which keeps fixtures."""
    items.sort(key=lambda item: "training" not in item.path.parts)


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The shipped fusion model: real graphs with real weights."""
    return MODELS / "fusion"


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes to the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLORIZE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def heeding_signals() -> None:
    """A shell starts background jobs that ignore Ctrl-C, nohup those that outlive a terminal.

    What they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(skimage_data.astronaut()[::3, ::3])


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    return np.ascontiguousarray(skimage_data.coffee()[::3, ::3])
