"""The colorizer of a batch, loaded in a thread while the first photo is read."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from colorcli.model.spec import DEFAULT_MODEL
from colorcli.processor import usable_cores

if TYPE_CHECKING:
    from colorcli.colorizer import Colorizer


PHOTOS_A_CORE = 4
"""Photos per core below which predicting one per core leaves cores idle too long at the end."""


class EngineSettings(NamedTuple):
    """Which model runs where; fields have the meanings of `Colorizer.load`.

    Attributes:
        scene: a photo whose scene all others share; None: each photo has its own.
        limits: pixels and bytes of that photo at most; None for the default.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    scene: Path | None = None
    limits: tuple[int | None, int | None] = (None, None)


class Engine:
    """A `Colorizer` that loads in the background.

    Importing onnxruntime and making sessions takes as long as reading a photo, so `start` does it
    at the same time. A batch with nothing to do never starts it.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._at_once = 1
        self._future: Future[Colorizer] = Future()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._load, name="colorize-engine", daemon=True)

    @property
    def cores(self) -> int:
        """How many cores the network may use."""
        return self._settings.threads or usable_cores()

    @property
    def at_once(self) -> int:
        """How many photos may be predicted at once: the number given to `start`; 1 on a GPU.

        Raises:
            ModelError, DeviceError: as `colorizer`.
        """
        return 1 if self.colorizer().model.on_gpu else self._at_once

    @property
    def model(self) -> str | None:
        """The name of the loaded model; None if loading failed or has not finished."""
        if not self._future.done() or self._future.exception() is not None:
            return None
        return self._future.result().name

    def start(self, at_once: int = 1) -> None:
        """Starts loading; the first call also fixes how many photos share the cores."""
        with self._starting:
            if self._thread.ident is None:
                self._at_once = at_once
                self._thread.start()

    def colorizer(self) -> Colorizer:
        """The colorizer; waits until it is loaded.

        Raises:
            ModelError: the model cannot be loaded.
            DeviceError: the device asked for by name cannot be used.
            UsageError: a setting is invalid, the scene photo cannot be read, or the model has no
                global features to take from it.
        """
        self.start()
        return self._future.result()

    def _load(self) -> None:
        try:
            from colorcli.router import load_colorizer

            settings = self._settings
            colorizer = load_colorizer(
                settings.model,
                device=settings.device,
                threads=self._threads(),
                precision=settings.precision,
            )
            if settings.scene is not None:
                from colorcli.photo import Limits
                from colorcli.scene import load_scene

                limits = Limits.given(*settings.limits)
                colorizer = load_scene(settings.scene, colorizer, limits)
            self._future.set_result(colorizer)
        except BaseException as error:  # re-raised in the thread that waits for it
            self._future.set_exception(error)

    def _threads(self) -> int | None:
        """Threads of a session's pool; None lets onnxruntime choose.

        The threads that call a session join its pool: so cores − callers + 1.
        """
        if self._at_once == 1:
            return self._settings.threads
        return max(1, self.cores - self._at_once + 1)
