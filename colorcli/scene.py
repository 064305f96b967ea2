"""Photos coloured as parts of one scene: the one control that the paper gives its user.

The global features of one photo define the scene of all: details of a large picture, shots of one
film.
"""

from __future__ import annotations

from pathlib import Path

from colorcli.colorizer import Colorizer
from colorcli.errors import PhotoError, UsageError
from colorcli.photo import Limits, read_photo
from colorcli.photo.read import USUAL_LIMITS


def load_scene(path: Path, colorizer: Colorizer, limits: Limits = USUAL_LIMITS) -> Colorizer:
    """A colorizer for photos of the same scene as another.

    Args:
        path: of the photo that shows the scene.
        colorizer: colours them; see `Colorizer.for_scene_of`.
        limits: on that photo, as on all others.

    Raises:
        UsageError: the photo cannot be read, or there is no one model with global features.
    """
    try:
        return colorizer.for_scene_of(read_photo(path, limits=limits))
    except PhotoError as error:
        raise UsageError(f"--scene-from {error}", tip=error.tip) from None
    except UsageError as error:
        raise UsageError(f"--scene-from: {error}", tip="use one model that has them") from None
