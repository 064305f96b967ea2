"""Photos coloured as parts of one scene: the one control that the paper leaves to its user.

"Setting different overall features manually" (Kaushik et al., section IV.E): what the global branch
makes of one photo stands for the scene of all. Details of a large picture, the shots of one film.
"""

from __future__ import annotations

from pathlib import Path

from colorcli.colorizer import Colorizer
from colorcli.errors import PhotoError, UsageError
from colorcli.photo import Limits, read_photo
from colorcli.photo.read import USUAL_LIMITS
from colorcli.router import Router


def load_scene(path: Path, colorizer: Colorizer, limits: Limits = USUAL_LIMITS) -> Colorizer:
    """A colorizer of photos that belong to the scene of another.

    Args:
        path: of the photo that shows the scene.
        colorizer: colours them; of one model, with a global branch.
        limits: on that photo, as on all others.

    Raises:
        UsageError: the photo cannot be read, or the model has no place for a scene.
    """
    model = colorizer.model
    side = model.global_size
    if side is None or isinstance(colorizer, Router):
        raise UsageError(
            f"--scene-from: {colorizer.name} has no place for it",
            tip="it wants one model, with global features",
        )
    try:
        scene = read_photo(path, limits=limits)
    except PhotoError as error:
        raise UsageError(f"--scene-from {error}", tip=error.tip) from None
    return Colorizer(model, model.global_features(scene.L_at(side, side)[None, None]))
