"""What the tests of collections share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .trees import save


@pytest.fixture
def photos(tmp_path: Path, astronaut: np.ndarray, coffee: np.ndarray) -> Path:
    root = tmp_path / "photos"
    save(root / "train" / "people" / "astronaut.jpg", astronaut)
    save(root / "train" / "coffee.png", coffee)
    save(root / "val" / "people" / "other.png", astronaut[:, ::-1])
    return root
