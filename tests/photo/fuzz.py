"""Fuzzing: valid files of each family, mutated and read.

A long run, each batch in a separate process so that a decoder's crash is caught and its file kept:

    python tests/photo/fuzz.py --seconds 600 --keep /tmp/fuzz
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import tifffile

from colorcli.errors import PhotoError
from colorcli.photo import Limits, Metadata, Photo, encode_photo, read_photo
from colorcli.photo.formats import FAMILIES
from colorcli.photo.icc import srgb

LIMITS = Limits(pixels=4_000_000, bytes=1 << 24)
_TOKENS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\1",
    b"\xff\xd9",
    b"\xff\xd8",
)


class Flat:
    """The same colour everywhere."""

    def rows(self, start: int, L: np.ndarray) -> np.ndarray:  # noqa: ARG002
        return np.full((*L.shape, 2), 10, np.float32)


def seeds() -> list[bytes]:
    """Small valid files: every family, gray, colour, alpha, 16 bits, with and without metadata."""
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(48), np.arange(40)).astype(np.uint8) * 2
    noisy = (ramp + rng.integers(0, 9, ramp.shape)).astype(np.uint8)
    files = []
    for family in FAMILIES:
        if family == "avif" and not cv2.haveImageWriter(".avif"):  # as on Windows
            continue
        for image in (noisy, noisy.astype(np.uint16) * 257, np.dstack([noisy] * 4)):
            photo = Photo.from_array(image)
            photo.metadata = Metadata(icc=srgb(), dpi=(300.0, 300.0))
            files.append(encode_photo(photo, Flat(), format=family, model="fuzz"))
    for suffix, parameters in (
        (".jpg", []),
        (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]),
        (".png", []),
        (".png", [cv2.IMWRITE_PNG_BILEVEL, 1]),
        (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 1]),
        (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 7]),
        (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 8]),
        (".tif", [cv2.IMWRITE_TIFF_COMPRESSION, 32773]),
        (".bmp", []),
        (".jp2", []),
        (".pgm", [cv2.IMWRITE_PXM_BINARY, 0]),
        (".pbm", []),
        (".webp", [cv2.IMWRITE_WEBP_QUALITY, 50]),
        (".avif", []),
    ):
        if cv2.haveImageWriter(suffix):
            files.append(cv2.imencode(suffix, noisy, parameters)[1].tobytes())
    for channels, kinds, photometric in (
        (2, ["assocalpha"], "minisblack"),
        (4, ["unspecified"], "rgb"),
        (5, ["unspecified", "assocalpha"], "rgb"),
    ):
        buffer = io.BytesIO()
        image = np.dstack([noisy] * channels)
        layout = {"planarconfig": "contig", "photometric": photometric, "metadata": None}
        tifffile.imwrite(buffer, image, extrasamples=kinds, **layout)
        files.append(buffer.getvalue())
    return files


def mutated(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """One to four of: bits flipped, a cut, a piece moved, doubled or replaced, a header swapped."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not out:
            break
        # Most faults are triggered by the first and last bytes.
        reach = len(out) if rng.random() < 0.5 else min(len(out), 400)
        at = rng.randrange(reach)
        match rng.randrange(8):
            case 0 | 1:
                out[at] ^= 1 << rng.randrange(8)
            case 2:
                out[at] = rng.randrange(256)
            case 3:
                token = rng.choice(_TOKENS)
                out[at : at + len(token)] = token
            case 4:
                del out[rng.randrange(len(out)) :]
            case 5:
                del out[at : at + rng.randint(1, 64)]
            case 6:
                piece = out[at : at + rng.randint(1, 64)]
                where = rng.randrange(len(out))
                out[where:where] = piece
            case _:
                head = rng.randint(2, 64)
                out[:head] = rng.choice(others)[:head]
    return bytes(out)


def check(data: bytes) -> bool:
    """Read a photo; return whether it was readable. Anything but PhotoError is a fault."""
    try:
        photo = read_photo(data, limits=LIMITS)
    except PhotoError:
        return False
    assert photo.gray.size <= LIMITS.pixels
    assert photo.alpha is None or photo.alpha.shape == photo.shape
    encode_photo(photo, Flat(), format="pnm")
    if photo.gray.size < 10_000:
        for family in ("jpeg", "png", "tiff", "webp"):
            read_photo(encode_photo(photo, Flat(), format=family))
    return True


def _child(seed: int, count: int, last: Path) -> None:
    import resource  # here: Windows has none, but its tests use the rest of this module

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    cv2.setNumThreads(1)
    rng = random.Random(seed)
    files = seeds()
    for _ in range(count):
        data = mutated(rng.choice(files), rng, files)
        last.write_bytes(data)
        began = time.monotonic()
        check(data)
        if time.monotonic() - began > 10:
            raise TimeoutError("a small photo took over ten seconds")


def _main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--batch", type=int, default=2000, help="photos a process")
    arguments.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    arguments.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    last = given.keep / "last.bin"
    if given.child:
        _child(given.seed, given.batch, last)
        return 0
    end, seed, failures = time.monotonic() + given.seconds, given.seed, 0
    while time.monotonic() < end:
        command = [sys.executable, __file__, "--child", f"--seed={seed}", f"--batch={given.batch}"]
        done = subprocess.run(
            [*command, f"--keep={given.keep}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            failures += 1
            kept = last.rename(given.keep / f"failure-{seed}.bin")
            reason = io.StringIO(done.stderr).readlines()[-1:] or [""]
            print(f"{kept}: status {done.returncode}: {reason[0].strip()}", flush=True)  # noqa: T201
        seed += 1
    print(f"{(seed - given.seed) * given.batch} photos, {failures} failures")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(_main())
