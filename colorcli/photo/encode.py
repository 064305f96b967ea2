"""Encode a coloured photo as a file."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from colorcli.errors import PhotoError
from colorcli.files import scratch_folder
from colorcli.memory import is_out_of_memory
from colorcli.photo import avif, bmp, exif, icc, jp2, jpeg, png, pnm, tiff, webp, xmp
from colorcli.photo.formats import FAMILIES, FORMATS, Family, suffix_of
from colorcli.photo.header import MalformedError
from colorcli.photo.image import Array, Metadata, Photo, reduced
from colorcli.photo.overhear import overhear
from colorcli.photo.render import AbRows, render

_EMBED: dict[str, Callable[[bytes, Metadata], tuple[bytes, list[str]]]] = {
    "jpeg": jpeg.embed,
    "png": png.embed,
    "tiff": tiff.embed,
    "webp": webp.embed,
    "jpeg2000": jp2.embed,
    "bmp": bmp.embed,
}


QUALITY = 95
"""Default of lossy formats."""


_JPEG2000_LEAST = 32


def _unheard(line: str) -> None:
    """Ignore a warning."""


def encode_photo(
    photo: Photo,
    ab: AbRows,
    *,
    format: str,  # noqa: A002
    quality: int | None = None,
    mark: bool = True,
    model: str = "",
    warn: Callable[[str], None] = _unheard,
) -> bytes:
    """Colour a photo and encode it, with its metadata.

    What the format cannot hold is dropped, with a warning each: transparency (its colours stay,
    as if opaque), bits beyond the format's depth (rounded), and metadata. JPEG is written 4:4:4.

    Args:
        photo: provides L, alpha, depth and metadata.
        ab: provides the colours.
        format: a key of `FAMILIES`.
        quality: 1 to 100, of JPEG, WebP, AVIF and JPEG 2000; 100 is lossless, except in JPEG.
            None: 95, or 100 if the source is a lossless file of the same family.
        mark: record in the metadata that the colours are predicted.
        model: name of the model, for the mark.
        warn: called with a line for each loss.

    Returns:
        The file.

    Raises:
        PhotoError: encoding fails, or there is no such format.
    """
    suffix = suffix_of(format)
    family = FAMILIES[format]
    if quality is None:
        quality = 100 if photo.lossless and photo.format == format else QUALITY
    photo, maximum = _fitting(photo, family, warn)
    height, width = photo.shape
    by = f"colorize {model}".strip()
    metadata = _kept(photo.metadata, family, warn)
    metadata = replace(
        metadata,
        exif=exif.renewed(
            metadata.exif,
            width=width,
            height=height,
            dpi=metadata.dpi,
            mark=f"The colors are predicted by {by}" if mark and "exif" in family.carries else None,
            software=by,
            home_of_dpi=format in ("webp", "avif"),
        ),
        xmp=xmp.renewed(
            metadata.xmp,
            mark=by if mark and "xmp" in family.carries else None,
            room=jpeg.XMP_ROOM if format == "jpeg" else None,
        ),
        icc=_tag(metadata.icc),
    )
    try:
        if format == "pnm":
            comment = f"The colors are predicted by {by}" if mark else None
            return pnm.write(render(photo, ab), comment)
        pixels = render(photo, ab, bgr=True)
        if maximum is not None:
            pixels = reduced(pixels, maximum)
        if format == "avif":
            return _avif(pixels, quality, metadata)
        parameters = _parameters(format, quality, photo.depth)
        encoded = _encoded(suffix, pixels, parameters)
        if format == "webp" and quality < 100 and photo.alpha is not None:
            # With alpha, the encoder makes up the colours of transparent pixels.
            colours = np.ascontiguousarray(pixels[..., :3])
            encoded = webp.joined(_encoded(suffix, colours, parameters), encoded)
        data, lost = _EMBED[format](encoded, metadata)
    except (cv2.error, MalformedError) as error:
        if is_out_of_memory(error):
            raise PhotoError(_too_large(height, width)) from None
        said = str(error) if isinstance(error, MalformedError) else _refusal(format, height, width)
        raise PhotoError(
            f"the photo cannot be written as {format}: {said}", tip="--format png or tiff"
        ) from None
    except MemoryError:
        raise PhotoError(_too_large(height, width)) from None
    for line in lost:
        warn(line)
    return data


def _fitting(photo: Photo, family: Family, warn: Callable[[str], None]) -> tuple[Photo, int | None]:
    """The photo as far as the family can hold it, and its largest value if not all ones."""
    if photo.alpha is not None and not family.alpha:
        warn(f"{family.name} holds no transparency: dropped")
        photo = replace(photo, alpha=None)
    if photo.depth == 16 and 16 not in family.depths:
        deepest = max(family.depths)
        if photo.format != family.name:  # its own files had no more bits
            warn(f"{family.name} holds {deepest} bits: reduced from 16")
        if deepest > 8:
            return photo, (1 << deepest) - 1
        alpha = photo.alpha
        if alpha is not None:
            alpha = reduced(alpha, 255).astype(np.uint8)
        photo = replace(photo, depth=8, alpha=alpha)
    return photo, None


def _kept(metadata: Metadata, family: Family, warn: Callable[[str], None]) -> Metadata:
    """The metadata that the family can hold."""
    kept = replace(metadata)
    for kind, said in (
        ("exif", "EXIF"),
        ("xmp", "XMP"),
        ("icc", "ICC profile"),
        ("dpi", "DPI"),
        ("iptc", "IPTC captions"),
    ):
        if getattr(kept, kind) is None or kind in family.carries:
            continue
        warn(f"{family.name} holds no {said}: dropped")
        setattr(kept, kind, None)
    kept.notes = tuple(note for note in kept.notes if note[0] in family.notes)
    if len(kept.notes) < len(metadata.notes):
        lost = {kind for kind, _ in metadata.notes} - family.notes
        said = "JPEG comments" if lost == {b"COM"} else "PNG texts (title, author, …)"
        warn(f"{family.name} holds no {said}: dropped")
    return kept


def _tag(profile: bytes | None) -> bytes | None:
    """The sRGB profile of the result, the source's own if it is sRGB; None if it had none."""
    if profile is None:
        return None
    try:
        how = icc.response(profile)
        if how is not None and icc.space(profile) == "RGB" and how.is_srgb():
            return profile
    except MalformedError:
        pass
    return icc.srgb()


def jpeg_options(quality: int) -> list[int]:
    """OpenCV's options of a JPEG that keeps colours at full resolution (4:4:4)."""
    sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
    return [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]


def _parameters(format: str, quality: int, depth: int) -> list[int]:  # noqa: A002
    if format == "jpeg":
        return jpeg_options(quality)
    if format == "webp":
        if quality < 100:
            return [cv2.IMWRITE_WEBP_QUALITY, quality]
        if hasattr(cv2, "IMWRITE_WEBP_LOSSLESS_MODE"):  # since OpenCV 5
            # Lossless, transparent pixels included.
            return [cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR]
        # OpenCV takes values over 100 as lossless.
        return [cv2.IMWRITE_WEBP_QUALITY, 101]
    if format == "tiff":
        rows = [cv2.IMWRITE_TIFF_ROWSPERSTRIP, 64]
        if depth == 8:
            return rows
        # The low bits of 16 are noise, of which LZW, OpenCV's default, makes nothing smaller, in
        # ten times the time.
        return [*rows, cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE]
    if format == "jpeg2000":
        return [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 10 * quality]
    return []


def _encoded(suffix: str, pixels: Array, parameters: list[int]) -> bytes:
    if suffix == ".jp2":
        return _encoded_in_file(pixels, parameters)
    # The error says what OpenCV would print when its encoder refuses.
    (done, encoded), _ = overhear(lambda: cv2.imencode(suffix, pixels, parameters))
    if not done or not len(encoded):
        raise MalformedError(_refusal(FORMATS[suffix], *pixels.shape[:2]))
    return encoded.tobytes()


def _encoded_in_file(pixels: Array, parameters: list[int]) -> bytes:
    """Encode a JPEG 2000: OpenCV does so only to files, by default to one that all may read.

    Raises:
        MalformedError: the encoder refuses.
        PhotoError: there is no place for scratch files, or no space left in it.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < _JPEG2000_LEAST:
        raise MalformedError(_refusal("jpeg2000", height, width))
    with scratch_folder() as folder:
        path = _opened_by_opencv(folder) / "photo.jp2"
        try:
            done, _ = overhear(lambda: cv2.imwrite(str(path), pixels, parameters))
        except cv2.error as error:
            if is_out_of_memory(error):
                raise
            done = False
        data = path.read_bytes() if done else b""
        if not data.endswith(jp2.END):
            if shutil.disk_usage(folder).free < pixels.nbytes:  # the encoder does not say why
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise MalformedError(_refusal("jpeg2000", height, width))
    return data


def _opened_by_opencv(folder: Path) -> Path:
    """The folder by a name that OpenCV can open: on Windows it takes names for ANSI, not UTF-8."""
    if sys.platform == "win32" and not str(folder).isascii():
        import ctypes

        short = ctypes.create_unicode_buffer(32768)
        ctypes.windll.kernel32.GetShortPathNameW(str(folder), short, len(short))
        return Path(short.value or folder)
    return folder


def _avif(pixels: Array, quality: int, metadata: Metadata) -> bytes:
    """Encode an AVIF. OpenCV adds the metadata, because AVIF's boxes hold offsets to each other."""
    avif.refuse_without_codec()
    kinds = {
        cv2.IMAGE_METADATA_EXIF: metadata.exif,
        cv2.IMAGE_METADATA_XMP: metadata.xmp,
        cv2.IMAGE_METADATA_ICCP: metadata.icc,
    }
    present = {kind: value for kind, value in kinds.items() if value is not None}
    (done, encoded), _ = overhear(
        lambda: cv2.imencodeWithMetadata(
            ".avif",
            pixels,
            list(present),
            [np.frombuffer(value, np.uint8) for value in present.values()],
            [
                cv2.IMWRITE_AVIF_QUALITY,
                quality,
                cv2.IMWRITE_AVIF_DEPTH,
                8 if pixels.dtype == np.uint8 else 12,
            ],
        )
    )
    if not done or not len(encoded):
        raise MalformedError(_refusal("avif", *pixels.shape[:2]))
    return encoded.tobytes()


def _too_large(height: int, width: int) -> str:
    return f"{width} × {height} pixels do not fit into memory"


def _refusal(format: str, height: int, width: int) -> str:  # noqa: A002
    largest = {"jpeg": 65500, "webp": 16383, "avif": 65535}.get(format)
    if largest is not None and max(height, width) > largest:
        return f"{width} × {height} pixels are over its limit of {largest} per side"
    if format == "jpeg2000" and min(height, width) < _JPEG2000_LEAST:
        least = f"the encoder's limit of {_JPEG2000_LEAST} per side"
        return f"{width} × {height} pixels are below {least}"
    return "the encoder failed"
