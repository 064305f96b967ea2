"""The model, hardware and software that a figure was measured with."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from typing import Any

from colorcli.extras import DISTRIBUTION, versions
from colorcli.model.providers import CPU
from colorcli.model.sessions import Model
from colorcli.processor import cpu_name, notable_flags, usable_cores

_PACKAGES = (DISTRIBUTION, "onnxruntime-gpu", "onnxruntime", "opencv-python", "numpy")


@dataclass(frozen=True)
class Environment:
    """One model on one device.

    Attributes:
        model: name and version.
        network: architecture, width and parameters, as the model states them.
        device: its name.
        provider: the execution provider that the sessions actually run on.
        precision: of the arithmetic: `fp32` or `int8`, `tf32` on CUDA (where the GPU has it).
        threads: number on the CPU.
        cpu: name, cores, and the flags that affect arithmetic.
        system: operating system and Python.
        versions: versions of the packages that do the work.
    """

    model: str
    network: str
    device: str
    provider: str
    precision: str
    threads: int
    cpu: str
    system: str
    versions: dict[str, str]

    @classmethod
    def of(cls, model: Model, threads: int | None) -> Environment:
        """The environment of a loaded model.

        Args:
            model: the loaded model.
            threads: as given to `Model.load`.
        """
        network = ", ".join(f"{key} {value}" for key, value in model.spec.network.items())
        cores = usable_cores()
        flags = " ".join(notable_flags())
        return cls(
            model=f"{model.spec.name} {model.spec.version}",
            network=network,
            device=model.device,
            provider=model.provider,
            precision="tf32" if model.on_gpu else model.precision.name,
            threads=threads or cores,
            cpu=f"{cpu_name()}, {cores} cores{', ' + flags if flags else ''}",
            system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            versions=versions(*_PACKAGES),
        )

    @property
    def on_gpu(self) -> bool:
        """Whether the sessions run on something other than the CPU."""
        return self.provider != CPU

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return asdict(self)
