"""The settings of a training run, kept in its folder as `config.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from colorcli.collection.items import VALIDATION
from colorcli.errors import UsageError
from colorcli.files import write_whole
from colorcli.metrics import TONED


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a run learns.

    Attributes:
        network: name in the registry of networks.
        width: factor on every channel count.
        global_features: False trains the baseline without the global branch.
        global_pool: averages the global branch's maps before its fully connected layers.
        pretrained: weights that a network starts from which has a pretrained part: `imagenet`,
            `none` (random) or a file.
        embedding: numbers that a frozen extractor gives a photo.
        objective: name of the objective.
        scene_weight: of the cross-entropy on the photos' labels, beside the objective; 0 is off,
            Iizuka et al. 2016 take 1/300.
        optimizer: muon, adamw, adam, rmsprop, adadelta or sgd.
        learning_rate: at the top of the schedule.
        weight_decay: decoupled, for muon and adamw; L2 for the others.
        batch: photos per step.
        epochs: passes over the training photos; the run ends here or at `hours`.
        hours: of steps, or None; reports and loading are not counted. The schedule follows
            whichever is nearer.
        warmup: share of the run over which the learning rate rises.
        schedule: `cosine`: half a cosine down to zero behind the warm-up; `constant`: none.
        clip: largest norm of the gradient; None leaves it as it is.
        ema: decay of the moving average of the weights, which is what is evaluated and exported;
            0 takes the weights themselves.
        dropout: on the fully connected layers, and the blocks of a pretrained trunk.
        size: side of the training views; 0 takes the network's own.
        crop_min: smallest share of a photo's area that a view covers, before its sides are cut to
            those of the photo: of a photo that is no square it covers less.
        zoom: further random scaling.
        shear: largest random shear.
        degrade: three times the share of views that each old-photograph fault on L strikes, 0 to 1.
        emulsion: share of the views whose L is what an early plate or film saw.
        distribution: weight of the distance of the distributions in `…-distribution`.
        rebalance: λ of the classification and distance objectives; None weighs all colours alike.
        short_side: photos are kept in memory at this short side.
        min_chroma: photos with a lower mean chroma are left out as gray.
        min_own_chroma: photos with less chroma beyond one tone are left out as toned.
        validation: share of the photos held out, where no split is given.
        limit: photos to train on, at most; 0 takes all.
        seed: of the weights, the order and the views.
    """

    network: str = "fusion"
    width: float = 1.0
    global_features: bool = True
    global_pool: bool = False
    pretrained: str = "imagenet"
    embedding: int = 1000
    objective: str = "mse"
    scene_weight: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch: int = 32
    epochs: float = 20.0
    hours: float | None = None
    warmup: float = 0.03
    schedule: str = "cosine"
    clip: float | None = 1.0
    ema: float = 0.999
    dropout: float = 0.0
    size: int = 0
    crop_min: float = 0.6
    zoom: float = 0.0
    shear: float = 0.0
    degrade: float = 0.0
    emulsion: float = 0.0
    distribution: float = 1.0
    rebalance: float | None = 0.5
    short_side: int = 256
    min_chroma: float = 2.0
    min_own_chroma: float = TONED
    validation: float = VALIDATION
    limit: int = 0
    seed: int = 0

    def save(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            PhotoError: it cannot be written.
        """
        write_whole(path, (json.dumps(asdict(self), indent=2) + "\n").encode(), replace=True)

    @classmethod
    def load(cls, path: Path, unsaid: Mapping[str, Any] | None = None) -> TrainConfig:
        """Read `config.json`.

        Args:
            path: of the file.
            unsaid: values of settings that the file, of an older version, may lack; of those that
                are neither here nor there the defaults are taken.

        Raises:
            UsageError: it is missing or not such a file.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not values.keys() >= {"network", "objective"}:
                raise ValueError("neither network nor objective in it")
            known = {field.name for field in fields(cls)}
            said = {key: value for key, value in values.items() if key in known}
            # Earlier versions learned toned photos too, and a run goes on with what it has.
            said.setdefault("min_own_chroma", 0.0)
            _check_kinds(said)
            return cls(**{**(unsaid or {}), **said})
        except (
            OSError,
            ArithmeticError,
            ValueError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise UsageError(
                f"{path}: not the settings of a training run ({error})",
                tip="give the folder that `colorize train --out` wrote",
            ) from None


_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "None": (type(None),),
}


def _check_kinds(values: Mapping[str, Any]) -> None:
    """Raise ValueError for a setting that is of another kind than it must be, or below nothing."""
    for field in fields(TrainConfig):
        if field.name not in values:
            continue
        value: Any = values[field.name]
        kinds = tuple(kind for name in str(field.type).split(" | ") for kind in _KINDS[name])
        if not any(type(value) is kind for kind in kinds):
            raise ValueError(f"{field.name} is {value!r}")
        if field.name == "schedule" and value not in ("cosine", "constant"):
            raise ValueError(f"{field.name} is {value!r}")
        if isinstance(value, str) or value is None or field.name == "seed":
            continue
        number = float(value)
        least = 0 if field.name not in ("width", "batch", "epochs", "embedding") else 1e-9
        if not least <= number < math.inf:
            raise ValueError(f"{field.name} is {value!r}")
