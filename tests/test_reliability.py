"""`docs/reliability.md` names a test for each promise: those tests must exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_test_named_in_the_document_exists() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    file = ""
    named = 0
    for found in re.finditer(r"`(tests/[\w/]+\.py)?::(\w+)`", text):
        file = found[1] or file
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {found[2]}\(", source, re.MULTILINE), found[0]
        named += 1
    assert named > 40
