"""What the tests of the user study share; without scikit-image's photos there are none."""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("skimage"):
    from .making import folder, photos

    __all__ = ["folder", "photos"]
else:
    collect_ignore_glob = ["test_*.py"]
