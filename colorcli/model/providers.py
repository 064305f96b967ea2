"""CUDA or CPU: which execution provider a session gets, and why."""

from __future__ import annotations

import ctypes
import hashlib
import re
import sys
from collections.abc import Mapping
from operator import index as index_of
from pathlib import Path
from typing import Any, NamedTuple

from colorcli.errors import DeviceError, ModelError, UsageError
from colorcli.extras import pip_install
from colorcli.model import cache
from colorcli.processor import cpu_name

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

_SILENT = 4
_DRIVER_TIP = f"install NVIDIA's driver, 580 or newer, then: {pip_install('cuda')}"
_BUILD_TIP = "pip uninstall onnxruntime; pip install --force-reinstall onnxruntime-gpu"
CUDA_TIP = f"{pip_install('cuda')}, and NVIDIA's driver, 580 or newer"
"""The fix for most problems with CUDA."""


class Execution(NamedTuple):
    """Where sessions run.

    Attributes:
        cuda: index of the CUDA device, or None for the CPU.
        required: whether the device was asked for by name, so that there is no fallback.
        threads: number on the CPU; None lets onnxruntime choose.
        description: the device, in words.
        fallback_reason: why `auto` chose the CPU, or None.
    """

    cuda: int | None
    required: bool
    threads: int | None
    description: str
    fallback_reason: str | None = None

    @property
    def memory(self) -> tuple[str, int] | None:
        """Device memory that holds outputs between sessions; None: ordinary RAM."""
        return None if self.cuda is None else ("cuda", self.cuda)

    def on_cpu(self, *, reason: str) -> Execution:
        """A fallback to the CPU, because of `reason`."""
        return Execution(None, False, self.threads, cpu_name(), fallback_reason=reason)

    def session(self, path: Path, *, sha256: str = "") -> Any:
        """An `onnxruntime.InferenceSession` on this device.

        On the CPU it comes from the cache of optimised graphs if possible.

        Args:
            path: the graph.
            sha256: its hash in `model.json`, or "".

        Raises:
            ModelError: the graph cannot be run, or its hash differs.
            DeviceError: CUDA did not load, or cannot run it.
            ImportError: onnxruntime is not completely installed.
        """
        try:
            if self.cuda is None:
                return self._cached(path, sha256)
            _check(path, sha256)
            session = self._open(path)
        except (ModelError, ImportError):  # a missing part of onnxruntime is no fault of the graph
            raise
        except Exception as error:  # onnxruntime's own exceptions share no base class
            line = reason_of(error)
            if self.cuda is not None:  # if the graph is at fault, the CPU will fail too
                raise DeviceError(f"CUDA cannot run {path.name} ({line})", tip=CUDA_TIP) from None
            raise ModelError(f"{path}: not a runnable graph ({line})") from None
        if session.get_providers()[0] != CUDA:
            # onnxruntime falls back silently when CUDA's libraries do not load.
            raise DeviceError("the CUDA libraries do not load", tip=CUDA_TIP)
        return session

    def _open(self, path: Path, entries: Mapping[str, str] = {}, **settings: Any) -> Any:
        """A session whose options have these configuration entries and attributes."""
        import onnxruntime as ort

        # On Windows the environment variable set in `colorcli` is not heeded.
        ort.disable_telemetry_events()
        options = ort.SessionOptions()
        options.log_severity_level = _SILENT
        # Sessions run in turn; spinning idle ones take cores from the others: 1.3-1.7 times slower.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # The pattern of one photo does not fit the next size: 1.7 times the memory.
        options.enable_mem_pattern = False
        if self.threads is not None:
            options.intra_op_num_threads = self.threads
        for key, value in entries.items():
            options.add_session_config_entry(key, value)
        for key, value in settings.items():
            setattr(options, key, value)
        providers: list[Any] = [CPU]
        if self.cuda is not None:
            # The default search tunes again for every shape, and photos differ in shape.
            # TF32, where the GPU has it: factors with 10 bits, sums in float32.
            cuda = {
                "device_id": self.cuda,
                "cudnn_conv_algo_search": "HEURISTIC",
                "use_tf32": 1,
            }
            providers.insert(0, (CUDA, cuda))
        # Its own fallback to the CPU prints on standard output and hides the reason.
        return ort.InferenceSession(str(path), options, providers=providers, enable_fallback=0)

    def _cached(self, path: Path, sha256: str) -> Any:
        """A session from the cache, to which the graph is first added if need be and possible."""
        import onnxruntime as ort

        def read(graph: Path) -> Any:
            return self._open(
                graph, graph_optimization_level=ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            )

        def write(graph: Path) -> None:
            entries = {
                # Prepacked weights do not belong in the file.
                "session.disable_prepacking": "1",
                "session.optimized_model_external_initializers_file_name": cache.WEIGHTS,
                "session.optimized_model_external_initializers_min_size_in_bytes": "1024",
            }
            self._open(path, entries, optimized_model_filepath=str(graph))

        entry = cache.entry_folder(path, sha256=sha256, runtime=ort.__version__)
        session = cache.load(entry, read) if entry else None
        if session is None:
            # Not needed for a cached graph: its file was checked before.
            _check(path, sha256)
            if entry and cache.save(entry, write):
                session = cache.load(entry, read)
        return session or self._open(path)


def _check(path: Path, sha256: str) -> None:
    """Compare the hash: a truncated or altered graph may run, with wrong colours."""
    if not sha256:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path}: damaged, not the file that model.json describes",
            tip="install the model again, or export it again",
        )


def choose_execution(device: str, *, threads: int | None = None) -> Execution:
    """Decide where sessions run.

    Args:
        device: `auto`, `cpu` or `cuda[:N]`.
        threads: number on the CPU; None lets onnxruntime choose.

    Raises:
        UsageError: the device is unknown, or the number of threads is invalid.
        DeviceError: CUDA was asked for by name and cannot be used.
    """
    try:
        some = threads is None or index_of(threads) >= 1
    except TypeError:
        some = False
    if not some:
        raise UsageError(f"--threads {threads!r}: not a number of threads", tip="1 or more")
    index = cuda_index(device)
    if index is None:
        return Execution(None, True, threads, cpu_name())
    obstacle = _why_no_cuda(index)
    if obstacle is None:
        return Execution(index, device != "auto", threads, _cuda_name(index))
    reason, tip = obstacle
    if device != "auto":
        raise DeviceError(f"--device {device} cannot be used: {reason}", tip=tip)
    return Execution(None, False, threads, cpu_name(), fallback_reason=reason)


def cuda_index(device: str) -> int | None:
    """The index of the CUDA device a name asks for: 0 for `auto` and `cuda`, None for `cpu`.

    Raises:
        UsageError: the device is unknown.
    """
    named = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if named is None:
        raise UsageError(f"no device is called {device!r}", tip="auto, cpu or cuda[:N]")
    return None if device == "cpu" else int(named[1] or 0)


def reason_of(error: Exception) -> str:
    """The line of an onnxruntime error that gives the cause.

    For a CUDA library that is the failed call, which follows hundreds of characters of C++.
    """
    said = str(error).strip()
    failure = re.search(r"\b(?:CUDA|CUDNN|CUDNN_FE|CUBLAS|CUFFT) failure \d+: [^;\n]+", said)
    return (failure[0].strip() if failure else said.split("\n", 1)[0])[:200]


def _why_no_cuda(index: int) -> tuple[str, str] | None:
    """Why CUDA device `index` cannot be used, and the fix; or None."""
    # Asking the driver takes a millisecond; finding out through onnxruntime takes far longer.
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return "no NVIDIA driver is installed", _DRIVER_TIP
    answers = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    if not answers or not count.value:
        return "the NVIDIA driver finds no device", "check with nvidia-smi"
    if index >= count.value:
        known = ", ".join(f"cuda:{number}" for number in range(count.value))
        return f"there is no device {index}", f"there is {known}"
    import onnxruntime as ort

    if CUDA not in ort.get_available_providers():
        return "this onnxruntime is built without CUDA", _BUILD_TIP
    if hasattr(ort, "preload_dlls"):
        # It prints what it does not find on standard output, where a photo may be written. Its
        # logger prints on standard error, whatever the options of sessions say.
        vars(ort)["print"] = _unheard
        ort.set_default_logger_severity(_SILENT)
        ort.preload_dlls()
    return None


def _cuda_name(index: int) -> str:
    """The device's name according to its driver."""
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    try:
        driver = ctypes.CDLL(_DRIVER)
        if (
            driver.cuDeviceGet(ctypes.byref(device), index) == 0
            and driver.cuDeviceGetName(name, len(name), device) == 0
        ):
            return name.value.decode("utf-8", "replace")
    except (OSError, AttributeError):
        pass
    return f"CUDA device {index}"


def _unheard(*_words: object, **_how: object) -> None:
    """Replaces `print`."""
