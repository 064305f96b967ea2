"""Several models: a scene classifier picks one for each photo.

"Train some models on different classes of photos" (Song and Liu, section 5, future work): the first
model knows and classifies all scenes, the others know some of them better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from colorcli.abmap import AbMap
from colorcli.colorizer import Colorizer, Lightness, Size
from colorcli.errors import ModelError, UsageError

PREFIX = "auto:"

SURE = 0.5
"""Probability of a specialist's scenes from which it colours a photo."""


def load_colorizer(
    name: str, *, device: str = "auto", threads: int | None = None, precision: str = "auto"
) -> Colorizer:
    """Load what `--model` names: a model, or `auto:GENERAL,SPECIALIST,…`.

    Other arguments and errors are those of `Model.load`.

    Raises:
        UsageError: `auto:` names fewer than two models.
        ModelError: the first of them does not classify scenes, or another knows none of them.
    """
    if not name.startswith(PREFIX):
        return Colorizer.load(name, device=device, threads=threads, precision=precision)
    names = [part.strip() for part in name.removeprefix(PREFIX).split(",") if part.strip()]
    if len(names) < 2:
        raise UsageError(
            f"--model {name}: there is nothing to choose from",
            tip="auto:GENERAL,SPECIALIST,… names a model that classifies scenes, and others",
        )
    general, *specialists = (
        Colorizer.load(part, device=device, threads=threads, precision=precision) for part in names
    )
    return Router(general, specialists)


class Router(Colorizer):
    """Colours each photo with the model that knows its scene best.

    Args:
        general: classifies scenes, and colours photos that no specialist is sure to know.
        specialists: each knows the scenes that its training photos were labelled with.

    Raises:
        ModelError: as `load_colorizer`.
    """

    def __init__(self, general: Colorizer, specialists: Sequence[Colorizer]) -> None:
        super().__init__(general.model)
        spec = general.model.spec
        if not spec.scenes:
            raise ModelError(
                f"{spec.folder}: the model does not classify scenes",
                tip="train the first model of auto: with `colorize train --scene-weight`",
            )
        self._specialists = list(specialists)
        self._known = np.array(
            [[scene in s.model.spec.labels for scene in spec.scenes] for s in specialists],
            np.float32,
        )
        for specialist, known in zip(specialists, self._known, strict=True):
            if not known.any():
                raise ModelError(
                    f"{specialist.model.spec.folder}: the model knows none of the scenes that "
                    f"{spec.folder} classifies",
                    tip="export it with --specialist, from photos with labels that both know",
                )

    @property
    def name(self) -> str:
        """All models, as `--model` names them."""
        return PREFIX + ",".join([super().name, *(s.name for s in self._specialists)])

    def check(
        self, *, size: Size = "auto", tile: int | None = None, vividness: float = 1.0
    ) -> None:
        """As for one model, for each of them, so that none refuses its first photo later."""
        super().check(size=size, tile=tile, vividness=vividness)
        for specialist in self._specialists:
            specialist.check(size=size, tile=tile, vividness=vividness)

    def for_scene_of(self, photo: Lightness) -> Colorizer:  # noqa: ARG002
        """Always refused: global features belong to one model.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name} is several models, and global features belong to one")

    def predict(
        self,
        photo: Lightness,
        *,
        size: Size = "auto",
        tile: int | None = None,
        vividness: float = 1.0,
    ) -> AbMap:
        """Predict with the specialist, or the general model if none is sure to know the scene."""
        self.check(size=size, tile=tile, vividness=vividness)
        specialist = self._specialist_for(photo)
        predict = super().predict if specialist is None else specialist.predict
        return predict(photo, size=size, tile=tile, vividness=vividness)

    def _specialist_for(self, photo: Lightness) -> Colorizer | None:
        view = self._global_view(photo, self._levels(photo))
        probabilities = self.model.scenes(view)[0]
        shares = self._known @ probabilities
        best = int(shares.argmax())
        return self._specialists[best] if shares[best] >= SURE else None
