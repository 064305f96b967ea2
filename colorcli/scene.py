"""Photos coloured as parts of one scene: the one control that the paper leaves to its user.

"Setting different overall features manually" (Kaushik et al., section IV.E): what the global branch
makes of one photo stands for the scene of all. Details of a large picture, the shots of one film.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from colorcli.colorizer import Colorizer, Lightness, Size
from colorcli.errors import PhotoError, UsageError
from colorcli.photo import Limits, read_photo
from colorcli.photo.read import USUAL_LIMITS

if TYPE_CHECKING:
    from colorcli.abmap import AbMap


def load_scene(path: Path, colorizer: Colorizer, limits: Limits = USUAL_LIMITS) -> Colorizer:
    """A colorizer of photos that belong to the scene of another.

    Args:
        path: of the photo that shows the scene.
        colorizer: colours them; of one model, with a global branch.
        limits: on that photo, as on all others.

    Raises:
        UsageError: the photo cannot be read, or the model has no place for a scene.
    """
    try:
        return InScene(colorizer, read_photo(path, limits=limits))
    except PhotoError as error:
        raise UsageError(f"--scene-from {error}", tip=error.tip) from None


class InScene(Colorizer):
    """Colours photos with the global features of one.

    Args:
        colorizer: as of `load_scene`.
        scene: the photo that shows the scene.

    Raises:
        UsageError: as `load_scene`.
    """

    def __init__(self, colorizer: Colorizer, scene: Lightness) -> None:
        super().__init__(colorizer.model)
        side = self.model.global_size
        if side is None or colorizer.name != super().name:
            raise UsageError(
                f"--scene-from: {colorizer.name} has no place for it",
                tip="it wants one model, with global features",
            )
        features = self.model.global_features(scene.L_at(side, side)[None, None])
        assert features is not None
        self._features = features

    def predict(
        self,
        photo: Lightness,
        *,
        size: Size = "auto",
        tile: int | None = None,
        vividness: float = 1.0,
        global_features: NDArray[np.float32] | None = None,
    ) -> AbMap:
        """As `Colorizer.predict`, in the scene."""
        features = self._features if global_features is None else global_features
        return super().predict(
            photo, size=size, tile=tile, vividness=vividness, global_features=features
        )
