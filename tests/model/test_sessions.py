"""A model folder is described by its own `model.json`, and nothing in it is trusted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from colorcli.errors import DeviceError, ModelError, UsageError
from colorcli.model.providers import Execution
from colorcli.model.sessions import Model
from colorcli.model.spec import ModelSpec, find_model, model_folders


@pytest.fixture
def copied(model_folder: Path, tmp_path: Path) -> Path:
    """A model with float32 graphs only: other tests cover which ones a CPU uses."""
    folder = shutil.copytree(
        model_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.int8.onnx")
    )
    rewrite(folder, precisions={})
    return folder


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def unhashed(copied: Path) -> Path:
    """A model whose graphs may be changed: its description lacks their hashes."""
    path = copied / "model.json"
    graphs = json.loads(path.read_text())["graphs"]
    for graph in graphs.values():
        del graph["sha256"]
    rewrite(copied, graphs=graphs)
    return copied


def test_the_shipped_models_are_found_by_name(model_folder: Path) -> None:
    assert model_folders()["fusion"] == model_folder
    assert find_model("fusion") == model_folder


def test_a_model_folder_is_found_by_its_path(copied: Path) -> None:
    assert find_model(str(copied)) == copied


def test_an_unknown_model_names_the_ones_there_are() -> None:
    with pytest.raises(ModelError, match="no model is called 'fushion'") as error:
        find_model("fushion")
    assert error.value.tip is not None
    assert "fusion" in error.value.tip


def test_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no model\.json"):
        find_model(str(tmp_path))


def test_a_model_runs_in_physical_units(model_folder: Path) -> None:
    model = Model.load(str(model_folder), device="cpu")
    L = np.random.default_rng(0).uniform(0, 100, (2, 1, 224, 224)).astype(np.float32)
    features = model.low_level(L)
    ab = model.ab(features, model.global_features(L, features))
    stride = model.spec.stride
    assert ab.shape == (2, 2, 224 // stride, 224 // stride)
    assert ab.dtype == np.float32
    assert np.abs(ab).max() <= 110


def test_shared_features_give_the_same_global_features_as_a_pass_of_their_own(
    model_folder: Path,
) -> None:
    model = Model.load(str(model_folder), device="cpu")
    side = model.global_size
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, side, side)).astype(np.float32)
    shared = model.global_features(L, model.low_level(L))
    np.testing.assert_array_equal(shared, model.global_features(L))


def test_features_that_stay_on_the_device_give_the_same_colours(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(str(model_folder), device="cpu")
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 96)).astype(np.float32)
    view = np.random.default_rng(1).uniform(0, 100, (1, 1, 224, 224)).astype(np.float32)
    expected = model.ab(model.low_level(L), model.global_features(view))
    # As on a GPU, except that the device's memory is the CPU's.
    monkeypatch.setattr(Execution, "memory", ("cpu", 0))
    features = model.low_level(L)
    assert not any(isinstance(value, np.ndarray) for value in features.values())
    global_features = model.global_features(view)
    assert isinstance(global_features, np.ndarray)  # only a few values, which callers may keep
    np.testing.assert_array_equal(model.ab(features, global_features), expected)


def test_it_reports_the_provider_that_it_really_runs_on(model_folder: Path) -> None:
    model = Model.load(str(model_folder), device="cpu")
    assert model.provider == "CPUExecutionProvider"
    assert model.fallback_reason is None


def test_auto_says_why_it_fell_back(model_folder: Path) -> None:
    model = Model.load(str(model_folder), device="auto")
    assert (model.provider == "CPUExecutionProvider") == (model.fallback_reason is not None)


def test_cuda_by_name_is_used_or_refused_never_replaced(model_folder: Path) -> None:
    try:
        model = Model.load(str(model_folder), device="cuda")
    except DeviceError as error:
        assert error.tip is not None  # noqa: PT017
    else:
        assert model.provider == "CUDAExecutionProvider"


def test_an_unknown_device_is_a_wrong_usage(model_folder: Path) -> None:
    with pytest.raises(UsageError, match="'gpu'"):
        Model.load(str(model_folder), device="gpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "newer than this program"),
        ({"graphs": {}}, "missing or wrong"),
        ({"graphs": {"colorization": {"file": "../evil.onnx"}}}, "outside the folder"),
        ({"graphs": {"colorization": {"file": "none.onnx"}}}, "the graph is missing"),
        (
            {"graphs": {"colorization": {"file": "colorization.onnx", "reads": "low_level"}}},
            "no graph makes them",
        ),
        (
            {"graphs": {n: {"file": f"{n}.onnx"} for n in ("low_level", "colorization")}},
            "colorization does not read them",
        ),
        (
            {
                "graphs": {
                    n: {"file": f"{n}.onnx", "reads": "L"} for n in ("global", "colorization")
                }
            },
            "the global graph has no size",
        ),
        ({"input": {"multiple": 0, "halo": 64}}, "missing or wrong"),
        ({"default_size": float("inf")}, "missing or wrong"),
        ({"input": {"multiple": 8, "halo": -8}}, "missing or wrong"),
        ({"input": {"multiple": 3, "halo": 64}}, "must be divisible by the stride"),
    ],
)
def test_a_wrong_description_is_one_clear_line(copied: Path, changes, message: str) -> None:
    rewrite(copied, **changes)
    with pytest.raises(ModelError, match=message) as error:
        ModelSpec.read(copied)
    assert "\n" not in str(error.value)


def test_a_description_that_is_not_json_is_one_clear_line(copied: Path) -> None:
    (copied / "model.json").write_text("{")
    with pytest.raises(ModelError, match=r"model\.json: cannot be read"):
        ModelSpec.read(copied)


def test_a_file_that_is_no_graph_is_one_clear_line(unhashed: Path) -> None:
    (unhashed / "global.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"global\.onnx: not a runnable graph"):
        Model.load(str(unhashed), device="cpu")


def test_a_graph_of_another_kind_is_one_clear_line(unhashed: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("Relu", ["x"], ["y"])
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy")
    graph = helper.make_graph([node], "other", [x], [y])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, unhashed / "colorization.onnx")
    with pytest.raises(ModelError, match="not a graph of a colorizer"):
        Model.load(str(unhashed), device="cpu")


def test_swapped_graphs_are_refused_when_loading_not_photo_by_photo(unhashed: Path) -> None:
    shutil.copy(unhashed / "low_level.onnx", unhashed / "global.onnx")
    with pytest.raises(ModelError, match=r"global\.onnx: not a graph of a colorizer"):
        Model.load(str(unhashed), device="cpu")


def test_graphs_of_two_models_are_refused_when_loading(unhashed: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    # A low-level network of another width: right names, wrong channels.
    node = helper.make_node("Concat", ["L"] * 7, ["features"], axis=1)
    L = helper.make_tensor_value_info("L", TensorProto.FLOAT, ["N", 1, "H", "W"])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 7, "h", "w"])
    graph = helper.make_graph([node], "other", [L], [features])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, unhashed / "low_level.onnx")
    with pytest.raises(ModelError, match="the folder mixes models"):
        Model.load(str(unhashed), device="cpu")


def test_a_damaged_graph_is_refused_though_it_would_run(copied: Path) -> None:
    Model.load(str(copied), device="cpu")  # the cache has the intact graph
    path = copied / "colorization.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # a bit in the weights
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"colorization\.onnx: damaged") as error:
            Model.load(str(copied), device="cpu")
        assert error.value.tip is not None


def test_auto_takes_the_cpu_when_cuda_cannot_make_a_session(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As onnxruntime reports an old driver; standard output, where a photo may go, stays clean."""
    made = onnxruntime.InferenceSession._create_inference_session

    def refused(session: Any, providers: list[Any], *arguments: Any) -> Any:
        if any(provider[0] == "CUDAExecutionProvider" for provider in providers):
            signature = "CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE) " * 12
            raise RuntimeError(
                f"{signature}CUDA failure 35: CUDA driver version is insufficient for CUDA "
                "runtime version ; GPU=0 ; hostname=there ; file=cuda_call.cc ; line=182 ; "
            )
        return made(session, providers, *arguments)

    monkeypatch.setattr("colorcli.model.providers._why_no_cuda", lambda _index: None)
    monkeypatch.setattr(onnxruntime.InferenceSession, "_create_inference_session", refused)
    model = Model.load(str(model_folder), device="auto")
    assert model.provider == "CPUExecutionProvider"
    reason = "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version"
    assert f"({reason})" in (model.fallback_reason or "")
    with pytest.raises(DeviceError, match="driver version is insufficient"):
        Model.load(str(model_folder), device="cuda")
    assert capfd.readouterr().out == ""


def test_auto_takes_the_cpu_when_the_gpu_turns_out_to_lack_the_kernels(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions open and only the first run fails: cards older than the build, broken cuDNN."""
    run_graph = Model.run_graph

    def refused(model: Model, name: str, *arguments: Any, **options: Any) -> Any:
        if model._execution.cuda is not None:
            raise ModelError(f"{name}: cudaErrorNoKernelImageForDevice")
        return run_graph(model, name, *arguments, **options)

    opened = Execution.session

    def session(execution: Execution, *arguments: Any, **options: Any) -> Any:
        return opened(execution.on_cpu(reason=""), *arguments, **options)

    monkeypatch.setattr("colorcli.model.providers._why_no_cuda", lambda _index: None)
    monkeypatch.setattr(Execution, "session", session)
    monkeypatch.setattr(Model, "run_graph", refused)
    model = Model.load(str(model_folder), device="auto")
    assert not model.on_gpu
    assert "NoKernelImage" in (model.fallback_reason or "")
    with pytest.raises(DeviceError, match="NoKernelImage"):
        Model.load(str(model_folder), device="cuda")


def test_auto_takes_the_cpu_when_the_libraries_of_cuda_do_not_load(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a driver and its device answers, but onnxruntime stays on the CPU."""
    monkeypatch.setattr("colorcli.model.providers._why_no_cuda", lambda _index: None)
    if Model.load(str(model_folder), device="auto").provider == "CUDAExecutionProvider":
        pytest.skip("CUDA works here")
    model = Model.load(str(model_folder), device="auto")
    assert model.provider == "CPUExecutionProvider"
    assert model.fallback_reason is not None
    assert model.fallback_reason.startswith("the CUDA libraries do not load; ")
    assert "pip install 'colorize-photos[cuda]'" in model.fallback_reason
    with pytest.raises(DeviceError, match="do not load"):
        Model.load(str(model_folder), device="cuda")


def test_threads_are_those_of_the_sessions(model_folder: Path) -> None:
    model = Model.load(str(model_folder), device="cpu", threads=3)
    options = [session.get_session_options() for session in model._sessions.values()]
    assert [each.intra_op_num_threads for each in options] == [3] * len(options)


@pytest.mark.parametrize(
    "words",
    [
        "Non-zero status code returned while running ReorderInput node: std::bad_alloc",
        "Failed to allocate memory for requested buffer of size 12",
        "CUDA failure 2: out of memory",
    ],
)
def test_memory_that_is_short_is_known_by_its_words(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    model = Model.load(str(model_folder), device="cpu")

    class Short:
        def run(self, *_: object) -> None:
            raise RuntimeError(words)

    monkeypatch.setitem(model._sessions, "low_level", Short())
    with pytest.raises(MemoryError):
        model.run_graph("low_level", {"L": np.zeros((1, 1, 8, 8), np.float32)})
