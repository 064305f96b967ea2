"""The colorizer of a batch, made in a thread while the first photo is read."""

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
"""Of fewer photos, predicted one a core, the last would leave cores idle for too long."""


class EngineSettings(NamedTuple):
    """Which model runs where; the words are those of `Colorizer.load`.

    Attributes:
        scene: a photo whose scene all others belong to, or None: each has its own.
        limits: on that photo: pixels and bytes, None for the usual ones.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"
    scene: Path | None = None
    limits: tuple[int | None, int | None] = (None, None)


class Engine:
    """A `Colorizer` on its way.

    Importing onnxruntime and making sessions takes as long as reading a photo: `start` does it
    beside that. A batch that turns out to have nothing to do never starts it.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._at_once = 1
        self._future: Future[Colorizer] = Future()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._load, name="colorize-engine", daemon=True)

    @property
    def cores(self) -> int:
        """How many cores the network may take."""
        return self._settings.threads or usable_cores()

    @property
    def at_once(self) -> int:
        """How many photos may be predicted at once: as many as it was started for, on the CPU.

        Raises:
            ModelError, DeviceError: as `colorizer`.
        """
        return 1 if self.colorizer().model.on_gpu else self._at_once

    @property
    def model(self) -> str | None:
        """The name of what it loaded; None: nothing, or not yet."""
        if not self._future.done() or self._future.exception() is not None:
            return None
        return self._future.result().name

    def start(self, at_once: int = 1) -> None:
        """Begins loading, once; with that is decided how many photos share the cores."""
        with self._starting:
            if self._thread.ident is None:
                self._at_once = at_once
                self._thread.start()

    def colorizer(self) -> Colorizer:
        """The colorizer, waited for.

        Raises:
            ModelError: the model cannot be loaded.
            DeviceError: the device asked for by name cannot be used.
            UsageError: the scene cannot be read, or the model has no place for one.
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
        except BaseException as error:  # handed over to whoever waits for it
            self._future.set_exception(error)

    def _threads(self) -> int | None:
        """Of a session; None lets onnxruntime choose.

        It is shared by the threads that call it: so many less one, and the callers.
        """
        if self._at_once == 1:
            return self._settings.threads
        return max(1, self.cores - self._at_once + 1)
