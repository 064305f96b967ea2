"""The colorizer of a batch, made in a thread while the first photo is read."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colorcli.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from colorcli.colorizer import Colorizer


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Which model runs where; the words are those of `Colorizer.load`."""

    model: str = DEFAULT_MODEL
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"


class Engine:
    """A `Colorizer` on its way.

    Importing onnxruntime and making sessions takes as long as reading a photo: `start` does it
    beside that. A batch that turns out to have nothing to do never starts it.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._future: Future[Colorizer] = Future()
        self._thread = threading.Thread(target=self._load, name="colorize-engine", daemon=True)

    def start(self) -> None:
        """Begins loading, once."""
        if self._thread.ident is None:
            self._thread.start()

    def colorizer(self) -> Colorizer:
        """The colorizer, waited for.

        Raises:
            ModelError: the model cannot be loaded.
            DeviceError: the device asked for by name cannot be used.
        """
        self.start()
        return self._future.result()

    def _load(self) -> None:
        try:
            from colorcli.router import load_colorizer

            settings = self._settings
            self._future.set_result(
                load_colorizer(
                    settings.model,
                    device=settings.device,
                    threads=settings.threads,
                    precision=settings.precision,
                )
            )
        except BaseException as error:  # handed over to whoever waits for it
            self._future.set_exception(error)
