"""Pictures for following a training run: the loss plot and the contact sheet."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colorcli.drawing import encode_png
from colorcli.files import write_whole
from colorcli.lab import lab_to_rgb


def plot_log(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Plot training and validation loss, and accuracy, over the photos seen.

    Args:
        rows: of `log.csv`.
        path: PNG to write; an existing file is replaced.

    Raises:
        PhotoError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot, ticker

    seen = [row["photos_seen"] / 1000 for row in rows]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(seen, [row["loss"] for row in rows], label="training")
    left.plot(seen, [row["validation_loss"] for row in rows], label="validation")
    left.set(xlabel="photos seen, thousands", ylabel="loss", yscale="log")
    # A loss spans a decade or a twentieth of one: plain numbers suit both.
    left.yaxis.set_major_locator(ticker.MaxNLocator(6))
    left.yaxis.set_major_formatter(ticker.FormatStrFormatter("%.4g"))
    left.yaxis.set_minor_locator(ticker.NullLocator())
    left.legend()
    # Runs begun with an older version did not log training_accuracy.
    training = [row.get("training_accuracy", math.nan) for row in rows]
    right.plot(seen, training, label="ab error ≤ 10, training")
    right.plot(seen, [row["accuracy"] for row in rows], label="ab error ≤ 10, validation")
    right.plot(seen, [row["chroma"] / row["true_chroma"] for row in rows], label="chroma ratio")
    right.set(xlabel="photos seen, thousands", ylim=(0, None))
    right.legend()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png")
    pyplot.close(figure)
    write_whole(path, picture.getvalue(), replace=True)


def write_sheet(
    L: Tensor,
    abs_: Sequence[Tensor],
    path: Path,
    *,
    columns: int = 2,
    captions: Sequence[str] = (),
) -> None:
    """Write each photo's pictures side by side, several photos per row.

    Args:
        L: `(N, 1, S, S)` in [0, 100].
        abs_: each `(N, 2, S, S)` in CIELAB units; one picture each, all with that L.
        path: PNG to write; an existing file is replaced.
        columns: photos per row.
        captions: printed above the pictures, one for each of `abs_`.

    Raises:
        PhotoError: the file cannot be written.
    """
    gray = L[:, 0].cpu().numpy().astype(np.float32)
    planes = [ab.permute(0, 2, 3, 1).cpu().numpy().astype(np.float32) for ab in abs_]
    strips = [
        np.hstack([lab_to_rgb(gray[i], np.ascontiguousarray(plane[i])) for plane in planes])
        for i in range(len(gray))
    ]
    strips += [np.full_like(strips[0], 255)] * (-len(strips) % columns)
    rows = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    if captions:
        rows.insert(0, np.hstack([_caption(captions, gray.shape[-1])] * columns))
    write_whole(path, encode_png(np.vstack(rows)), replace=True)


def _caption(texts: Sequence[str], width: int) -> NDArray[np.uint8]:
    """Captions above pictures `width` pixels wide: uint8 `(24, width·len(texts), 3)`."""
    line = np.full((24, width * len(texts), 3), 255, np.uint8)
    for index, text in enumerate(texts):
        origin = (index * width + 4, 17)
        cv2.putText(line, text, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return line
