"""The sessions of a model folder, and the data passed between them."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorcli.errors import DeviceError, ModelError
from colorcli.model.precision import Precision, choose_precision
from colorcli.model.providers import CUDA_TIP, Execution, choose_execution, reason_of
from colorcli.model.spec import GraphSpec, ModelSpec, find_model

Features: TypeAlias = dict[str, Any]
"""Outputs of the low-level graph, by the input names of the graphs that read them: arrays, or
`onnxruntime.OrtValue` that stay on the GPU. L itself in a model without a low-level graph."""

Watch: TypeAlias = Callable[[str, Features, float], None]
"""Called after each run of a graph, with the graph's name, its inputs and the seconds it took."""

_NO_MEMORY = (
    "Failed to allocate memory",
    "bad_alloc",
    "bad allocation",
    "out of memory",
    "ALLOC_FAILED",
    "ALLOCATION_FAILED",
)
"""Out-of-memory messages of onnxruntime, C++ (two variants), CUDA, and cuBLAS and cuDNN."""


class Model:
    """A model ready to run. Arrays are float32 `(N, C, H, W)`; L in [0, 100], ab in CIELAB units.

    Made by `load`. Its methods may be called from several threads.
    """

    def __init__(
        self,
        spec: ModelSpec,
        execution: Execution,
        sessions: dict[str, Any],
        precision: Precision,
    ) -> None:
        self.spec = spec
        self.precision = precision
        self._execution = execution
        self._sessions = sessions
        self._watch: Watch | None = None
        self._inputs = {
            name: [node.name for node in session.get_inputs()] for name, session in sessions.items()
        }

    @classmethod
    def load(
        cls,
        name: str,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: str = "auto",
    ) -> Model:
        """Load a model.

        Args:
            name: a model that comes with the program, or a model folder.
            device: `auto`, `cpu` or `cuda[:N]`.
            threads: number on the CPU; None lets onnxruntime choose (the physical cores).
            precision: `auto`, `fp32` or `int8`; `model.precision` has the rule of `auto`.

        Raises:
            ModelError: there is no such model, or it cannot be run.
            DeviceError: the device asked for by name cannot be used.
            UsageError: the device or precision is unknown or unsupported, or `threads` invalid.
        """
        spec = ModelSpec.read(find_model(name))
        execution = choose_execution(device, threads=threads)
        chosen = choose_precision(precision, spec.precisions, on_gpu=execution.cuda is not None)
        try:
            model = cls._opened(spec, execution, chosen)
            if model.on_gpu:
                model._try_out()
        except DeviceError as error:
            if execution.required:
                raise
            execution = execution.on_cpu(reason="; ".join(filter(None, (str(error), error.tip))))
            chosen = choose_precision(precision, spec.precisions, on_gpu=False)
            model = cls._opened(spec, execution, chosen)
        return model

    @classmethod
    def _opened(cls, spec: ModelSpec, execution: Execution, precision: Precision) -> Model:
        sessions = _open_graphs(spec.graphs_at(precision.name), spec, execution)
        return cls(spec, execution, sessions, precision)

    def _try_out(self) -> None:
        """Run on a tiny array: sessions also open on GPUs that lack the kernels.

        Raises:
            DeviceError: the GPU cannot run the model.
        """
        side = self.global_size or self.spec.multiple
        view = np.zeros((1, 1, side, side), np.float32)
        try:
            features = self.low_level(view)
            self.ab(features, self.global_features(view, features))
        except (ModelError, MemoryError) as error:
            full = isinstance(error, MemoryError)
            raise DeviceError(
                f"CUDA cannot run this model: {error}",
                tip="close other programs on the GPU, or use --device cpu" if full else CUDA_TIP,
            ) from None

    def watched(self, watch: Watch) -> Model:
        """The same model, on the same sessions, reporting each run of a graph to `watch`."""
        model = copy(self)
        model._watch = watch
        return model

    @property
    def provider(self) -> str:
        """The execution provider that the sessions actually run on."""
        provider: str = self._sessions["colorization"].get_providers()[0]
        return provider

    @property
    def on_gpu(self) -> bool:
        """Whether the sessions run on a GPU."""
        return self._execution.cuda is not None

    @property
    def device(self) -> str:
        """The name of the device."""
        return self._execution.description

    @property
    def fallback_reason(self) -> str | None:
        """Why `auto` did not choose a GPU, or None."""
        return self._execution.fallback_reason

    @property
    def global_size(self) -> int | None:
        """Side of the square that the global branch sees; None without one."""
        return self.spec.global_.size if self.spec.global_ else None

    def shares_features(self, shape: tuple[int, int]) -> bool:
        """Whether one pass of the low-level graph over a photo `(H, W)` serves both branches.

        It does if rescaling the photo for the global branch would add nothing.
        """
        graph = self.spec.global_
        if graph is None or graph.size is None or graph.reads != "low_level":
            return False
        return shape == (graph.size, graph.size) or graph.size <= max(shape) <= graph.pools_to

    def low_level(self, L: NDArray[np.float32]) -> Features:
        """The inputs of the other graphs for L `(N, 1, H, W)`: features `(N, C, h, w)` by name."""
        if self.spec.low_level is None:
            return {"L": L}
        names = [node.name for node in self._sessions["low_level"].get_outputs()]
        return dict(zip(names, self.run_graph("low_level", {"L": L}, stays=True), strict=True))

    def global_features(
        self, view: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32] | None:
        """Global features `(N, G)` of the rescaled view, or None without a global branch.

        Args:
            view: L `(N, 1, S, S)`, S = `global_size`; or a photo that `shares_features`.
            features: the result of `low_level` for it, if already known.
        """
        if self.spec.global_ is None:
            return None
        return self._run("global", self._global_feeds(view, features))

    def scenes(self, view: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities `(N, classes)` of `spec.scenes`, for a model that classifies scenes."""
        values: NDArray[np.float32] = self.run_graph("global", self._global_feeds(view, None))[1]
        return values

    def _global_feeds(self, view: NDArray[np.float32], features: Features | None) -> Features:
        assert self.spec.global_ is not None
        if self.spec.global_.reads == "L":
            return {"L": view}
        features = self.low_level(view) if features is None else features
        return self._read("global", features)

    def _read(self, name: str, features: Features) -> Features:
        """The features that a graph reads."""
        return {key: features[key] for key in self._inputs[name] if key in features}

    def ab(
        self,
        features: Features,
        global_features: NDArray[np.float32] | None,
        *,
        vividness: float = 1.0,
    ) -> NDArray[np.float32]:
        """ab `(N, 2, H/stride, W/stride)`.

        Args:
            features: the result of `low_level`.
            global_features: the result of `global_features`.
            vividness: above 0; 1 is the model's own. It divides the temperature of a predicted
                distribution, or multiplies the chroma of a regression.
        """
        vividness *= self.spec.vividness
        feeds = self._read("colorization", features)
        if global_features is not None:
            feeds["global_features"] = global_features
        if self.spec.temperature is not None:
            feeds["temperature"] = np.array(self.spec.temperature / vividness, np.float32)
            return self._run("colorization", feeds)
        ab = self._run("colorization", feeds)
        return ab if vividness == 1 else ab * np.float32(vividness)

    def _run(self, name: str, feeds: Features) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.run_graph(name, feeds)[0]
        return values

    def run_graph(self, name: str, feeds: Features, *, stays: bool = False) -> list[Any]:
        """Run one graph. All other methods go through it.

        Args:
            name: name of the graph in `model.json`.
            feeds: its inputs by name.
            stays: whether to leave the outputs in device memory.

        Returns:
            Its outputs: arrays, or `onnxruntime.OrtValue` for those left on a GPU.

        Raises:
            ModelError: the graph cannot be run on these inputs.
            MemoryError: device memory is insufficient.
        """
        began = perf_counter()
        try:
            outputs = self._outputs(self._sessions[name], feeds, stays=stays)
        except Exception as error:  # onnxruntime's own exceptions share no base class
            if any(words in str(error) for words in _NO_MEMORY):
                raise MemoryError(f"{name}: {reason_of(error)}") from None
            path = self.spec.graphs_at(self.precision.name)[name].path
            raise ModelError(f"{path}: the graph cannot be run ({reason_of(error)})") from None
        if self._watch is not None:
            self._watch(name, feeds, perf_counter() - began)
        return outputs

    def _outputs(self, session: Any, feeds: Features, *, stays: bool) -> list[Any]:
        if self._execution.memory is None:
            return list(session.run(None, feeds))
        binding = session.io_binding()
        for key, value in feeds.items():
            if isinstance(value, np.ndarray):
                binding.bind_cpu_input(key, value)
            else:
                binding.bind_ortvalue_input(key, value)
        for node in session.get_outputs():
            binding.bind_output(node.name, *self._execution.memory)
        session.run_with_iobinding(binding)
        return list(binding.get_outputs() if stays else binding.copy_outputs_to_cpu())


def _open_graphs(
    graphs: dict[str, GraphSpec], spec: ModelSpec, execution: Execution
) -> dict[str, Any]:
    """A session for each graph, with inputs and outputs checked: model files are untrusted."""
    sessions: dict[str, Any] = {}
    for key, graph in graphs.items():
        sessions[key] = execution.session(graph.path, sha256=graph.sha256)
        seen, others = {"L"}, set[str]()
        if key != "low_level" and graph.reads == "low_level":
            seen = {node.name for node in sessions["low_level"].get_outputs()}
        if key == "colorization":
            others |= {"global_features"} if spec.global_ is not None else set()
            others |= {"temperature"} if spec.temperature is not None else set()
        _check_inputs(graph, sessions[key], seen, others)
        if key != "low_level":
            outputs = 2 if key == "global" and spec.scenes else 1
            given = [node.name for node in sessions[key].get_outputs()]
            _check(graph, len(given) == outputs, f"its outputs are {', '.join(given)}")
    _check_channels(spec, sessions)
    return sessions


def _check_inputs(graph: GraphSpec, session: Any, seen: set[str], others: set[str]) -> None:
    """Check that a graph reads one or more of `seen`, all of `others`, and nothing else."""
    names = {node.name for node in session.get_inputs()}
    types = {node.type for node in (*session.get_inputs(), *session.get_outputs())}
    fits = others <= names and names - others and names - others <= seen
    wanted = " and ".join(filter(None, (" or ".join(sorted(seen)), " and ".join(sorted(others)))))
    _check(
        graph,
        bool(fits) and types == {"tensor(float)"},
        f"its inputs are {', '.join(sorted(names))}; expected {wanted}",
    )


def _check(graph: GraphSpec, fits: bool, otherwise: str) -> None:
    if not fits:
        raise ModelError(
            f"{graph.path}: not a graph of a colorizer ({otherwise})",
            tip="export it with `colorize export`",
        )


def _check_channels(spec: ModelSpec, sessions: dict[str, Any]) -> None:
    """Check that each graph takes the channels that others output, and the last outputs 2."""
    given: dict[str, Any] = {"L": 1}
    for key, session in sessions.items():
        for node in session.get_inputs():
            channels = node.shape[1] if len(node.shape) > 1 else None
            if node.name in given and not _agree(given[node.name], channels):
                raise ModelError(
                    f"{spec.folder}: the graph {key} takes {channels} channels of {node.name}, "
                    f"not {given[node.name]}; the folder mixes models"
                )
        names = {"global": ["global_features"], "colorization": ["ab"]}.get(key)
        nodes = session.get_outputs()
        for name, node in zip(names or [node.name for node in nodes], nodes, strict=False):
            given[name] = node.shape[1] if len(node.shape) > 1 else None
    if not _agree(given["ab"], 2):
        raise ModelError(f"{spec.folder}: the model outputs {given['ab']} channels, not a and b")


def _agree(given: Any, taken: Any) -> bool:
    """Whether two numbers of channels are equal; a dynamic one agrees with any."""
    return not (isinstance(given, int) and isinstance(taken, int)) or given == taken
