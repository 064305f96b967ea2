"""Shared by the training tests, which are not collected without the extra `train`."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("torch") and find_spec("onnxscript"):
    from .runs import one_thread, operators_read_once, photos, seeded, trained

    __all__ = ["one_thread", "operators_read_once", "photos", "seeded", "trained"]
else:
    collect_ignore_glob = ["test_*.py"]
