"""Shared by the user study's tests, which are not collected without scikit-image's photos."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("skimage"):
    from .making import folder, photos

    __all__ = ["folder", "photos"]
else:
    collect_ignore_glob = ["test_*.py"]
