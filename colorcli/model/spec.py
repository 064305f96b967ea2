"""The description of a model folder, `model.json`, and where models are found."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from colorcli.errors import ModelError
from colorcli.looks import NO_SUCH_FILE, is_folder, why_unreadable
from colorcli.model.precision import PrecisionSpec

FORMAT = 1

DEFAULT_MODEL = "lifelike"
"""The model used if none is given."""

_PACKAGE = Path(__file__).parent.parent


def model_folders() -> dict[str, Path]:
    """The models that come with the program: name → folder, in alphabetical order."""
    places = [_PACKAGE / "models"]
    if (
        _PACKAGE.parent / "pyproject.toml"
    ).is_file():  # a source tree, not somebody's site-packages
        places.append(_PACKAGE.parent / "models")
    found: dict[str, Path] = {}
    for place in places:
        for description in place.glob("*/model.json"):
            found.setdefault(description.parent.name, description.parent)
    return dict(sorted(found.items()))


def find_model(name: str) -> Path:
    """The folder of a model: a path to one, or the name of one that comes with the program.

    Raises:
        ModelError: there is none.
    """
    folders = model_folders()
    if name in folders:
        return folders[name]
    if is_folder(Path(name)):
        fault = why_unreadable(Path(name) / "model.json")
        if fault is None:
            return Path(name)
        if fault[0] != NO_SUCH_FILE:
            raise ModelError(f"{name}/model.json: {fault[0]}")
        raise ModelError(f"{name}: not a model folder: it has no model.json")
    raise ModelError(
        f"no model is called {name!r}",
        tip=f"choose one of: {', '.join(folders)}; or give a model folder",
    )


class GraphSpec(NamedTuple):
    """One graph of a model folder.

    Attributes:
        path: the ONNX file.
        reads: its input: `L` or `low_level`.
        size: side of the square that L is rescaled to for it; None for the photo's own size.
        sha256: hash of the file in `model.json`; "" if it has none.
        pools_to: long side up to which a photo is read without rescaling, for a graph that averages
            over its input; 0 for one that reads only the square.
    """

    path: Path
    reads: str
    size: int | None
    sha256: str = ""
    pools_to: int = 0


class ModelSpec(NamedTuple):
    """The content of `model.json`; reading it loads no graph.

    Attributes:
        folder: the model folder.
        name: of the model.
        version: of its weights.
        license: of its weights.
        description: one line.
        trained_on: the photos it was trained on, one line.
        network: architecture, width and parameter count, for people.
        multiple: H and W of the network's input are multiples of it.
        halo: pixels around a tile that can change its colours.
        stride: pixels per cell of the ab grid.
        temperature: default temperature of a model that predicts a distribution, else None.
        vividness: factor on every vividness asked for, see `Model.ab`.
        default_size: long side of the network's input at `--size auto`.
        scenes: classes that the global graph distinguishes, in order; empty for most models.
        labels: classes of the photos it was trained on, by which `Router` recognises a specialist.
        metrics: metrics on its validation photos, for people.
        low_level, global_, colorization: the graphs; the first two may be absent.
        precisions: other precisions of the graphs, by name.
    """

    folder: Path
    name: str
    version: str
    license: str
    description: str
    trained_on: str
    network: dict[str, Any]
    multiple: int
    halo: int
    stride: int
    temperature: float | None
    vividness: float
    default_size: int
    scenes: tuple[str, ...]
    labels: frozenset[str]
    metrics: dict[str, Any]
    low_level: GraphSpec | None
    global_: GraphSpec | None
    colorization: GraphSpec
    precisions: dict[str, PrecisionSpec]

    @classmethod
    def read(cls, folder: Path) -> ModelSpec:
        """Read the description of a model folder.

        Raises:
            ModelError: `model.json` is missing, broken, of a newer format, inconsistent, or names
                graphs that are missing or outside the folder.
        """
        path = folder / "model.json"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read ({error})") from None
        try:
            if values["format"] > FORMAT:
                raise ModelError(
                    f"{path}: format {values['format']} is newer than this program knows",
                    tip="update colorize",
                )
            temperature = values["output"]["temperature"]
            graphs = {name: _graph_spec(folder, graph) for name, graph in values["graphs"].items()}
            spec = cls(
                folder=folder,
                name=str(values["name"]),
                version=str(values["version"]),
                license=str(values["license"]),
                description=str(values["description"]),
                trained_on=str(values["trained_on"]),
                network=dict(values["network"]),
                multiple=_positive(values["input"]["multiple"]),
                halo=_not_negative(values["input"]["halo"]),
                stride=_positive(values["output"]["stride"]),
                temperature=None if temperature is None else float(temperature),
                vividness=_above_zero(values["output"].get("vividness", 1.0)),
                default_size=_positive(values["default_size"]),
                scenes=tuple(map(str, values["graphs"].get("global", {}).get("scenes", ()))),
                labels=frozenset(map(str, values.get("labels", ()))),
                metrics=dict(values.get("metrics", {})),
                low_level=graphs.get("low_level"),
                global_=graphs.get("global"),
                colorization=graphs["colorization"],
                precisions={
                    name: PrecisionSpec.parse(entry)
                    for name, entry in values.get("precisions", {}).items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"{path}: a value is missing or wrong ({error!r})") from None
        if spec.multiple % spec.stride or spec.halo % spec.multiple:
            raise ModelError(
                f"{path}: the multiple {spec.multiple} must be divisible by the stride "
                f"{spec.stride}, and the halo {spec.halo} by the multiple"
            )
        for graph in spec.graphs:
            if not graph.path.is_file():
                raise ModelError(f"{graph.path}: the graph is missing from the model")
            if graph.reads == "low_level" and spec.low_level is None:
                raise ModelError(
                    f"{path}: a graph reads low-level features, but no graph makes them"
                )
        if spec.global_ is not None and spec.global_.size is None:
            raise ModelError(f"{path}: the global graph has no size")
        if spec.low_level is not None and spec.colorization.reads == "L":
            raise ModelError(
                f"{path}: a graph makes low-level features, but colorization does not read them"
            )
        return spec

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """The graphs that are present, in the order they run."""
        return tuple(g for g in (self.low_level, self.global_, self.colorization) if g)

    def graphs_at(self, precision: str) -> dict[str, GraphSpec]:
        """The graphs to run at a precision, by name; fp32 for those it does not have.

        Raises:
            ModelError: one of its graphs is missing.
        """
        named = {"low_level": self.low_level, "global": self.global_}
        graphs = {k: g for k, g in {**named, "colorization": self.colorization}.items() if g}
        other = self.precisions.get(precision)
        for key, (file, sha256) in other.graphs.items() if other else ():
            path = self.folder / file
            if key not in graphs or not path.is_file():
                raise ModelError(f"{path}: the {precision} graph is missing from the model")
            graphs[key] = graphs[key]._replace(path=path, sha256=sha256)
        return graphs

    def bytes_at(self, precision: str) -> int:
        """Bytes on disk of the graphs at a precision; raises as `graphs_at`."""
        return sum(graph.path.stat().st_size for graph in self.graphs_at(precision).values())

    def sha256_at(self, precision: str) -> str:
        """SHA-256 of the concatenated graphs at a precision; raises as `graphs_at`."""
        digest = hashlib.sha256()
        for graph in self.graphs_at(precision).values():
            digest.update(graph.path.read_bytes())
        return digest.hexdigest()


def _graph_spec(folder: Path, values: dict[str, Any]) -> GraphSpec:
    file = str(values["file"])
    if Path(file).name != file:
        raise ValueError(f"graph {file!r} lies outside the folder")
    reads = values.get("reads", "L")
    if reads not in ("L", "low_level"):
        raise ValueError(f"a graph reads {reads!r}")
    size = values.get("size")
    return GraphSpec(
        folder / file,
        reads,
        None if size is None else _positive(size),
        str(values.get("sha256", "")),
        _not_negative(values.get("pools_to", 0)),
    )


def _positive(value: Any) -> int:
    if int(value) < 1:
        raise ValueError(f"{value} is not positive")
    return int(value)


def _above_zero(value: Any) -> float:
    if not 0 < float(value) < math.inf:
        raise ValueError(f"{value} is not above 0")
    return float(value)


def _not_negative(value: Any) -> int:
    if int(value) < 0:
        raise ValueError(f"{value} is negative")
    return int(value)
