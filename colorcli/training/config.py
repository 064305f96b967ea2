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
    """Everything that determines what a run learns.

    Attributes:
        network: name in the registry of networks.
        width: factor on every channel count.
        global_features: False trains the baseline without the global branch.
        global_pool: averages the global branch's maps before its fully connected layers.
        pretrained: initial weights of a network's pretrained part: `imagenet`, `none` (random) or
            a file.
        embedding: outputs of a frozen extractor per photo.
        objective: name of the objective.
        scene_weight: weight of the cross-entropy on the photos' labels, added to the objective; 0
            is off, Iizuka et al. 2016 use 1/300.
        optimizer: muon, adamw, adam, rmsprop, adadelta or sgd.
        learning_rate: peak of the schedule.
        weight_decay: decoupled for muon and adamw; L2 for the others.
        batch: photos per step.
        epochs: passes over the training photos; the run ends here or at `hours`.
        hours: time in training steps, or None; reports and loading are not counted. The schedule
            follows whichever limit is nearer.
        warmup: share of the run over which the learning rate rises.
        schedule: `cosine`: half a cosine down to zero after the warm-up; `constant`: no decay.
        clip: largest norm of the gradient; None: no clipping.
        ema: decay of the moving average of the weights, which is evaluated and exported; 0 uses
            the weights themselves.
        dropout: on the fully connected layers and the blocks of a pretrained trunk.
        size: side of the training views; 0 uses the network's default.
        crop_min: smallest share of a photo's area that a view covers, before its sides are clipped
            to the photo's; of a photo that is not square it can cover less.
        zoom: further random scaling.
        shear: largest random shear.
        degrade: three times the share of views that get each old-photograph fault on L, 0 to 1.
        emulsion: share of views rendered as early plates and films recorded them.
        distribution: weight of the distribution distance in the `…-distribution` objectives.
        rebalance: λ of the classification and distance objectives; None weights all colours alike.
        short_side: photos are kept in memory at this short side.
        min_chroma: photos with a lower mean chroma are skipped as gray.
        min_own_chroma: photos with less chroma beyond one tone are skipped as toned.
        validation: share of the photos held out when no split is given.
        limit: largest number of training photos; 0: all.
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
            unsaid: values for settings missing from a file of an older version; without one, the
                default. A missing `min_own_chroma` is always 0.

        Raises:
            UsageError: the file is missing or not a configuration.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not values.keys() >= {"network", "objective"}:
                raise ValueError("network or objective is missing")
            known = {field.name for field in fields(cls)}
            said = {key: value for key, value in values.items() if key in known}
            # Earlier versions trained on toned photos too, and a resumed run keeps its photos.
            said.setdefault("min_own_chroma", 0.0)
            _check_kinds(said)
            return cls(**{**(unsaid or {}), **said})
        except FileNotFoundError:
            raise UsageError(
                f"{path.parent}: holds no training run",
                tip="give the folder that `colorize train --out` wrote",
            ) from None
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
    """Raise ValueError for a setting of the wrong type, below its minimum or not finite."""
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
