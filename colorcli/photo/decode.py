"""Decode a file's pixels with OpenCV, and convert them to the gray of equal L."""

from __future__ import annotations

import re
import threading

import cv2
import numpy as np

from colorcli import lab, srgb
from colorcli.memory import is_out_of_memory
from colorcli.photo import icc, managed
from colorcli.photo.header import MEND, Header, Interleaved, MalformedError, Packed, Raw
from colorcli.photo.image import STRIP, Array, reduced
from colorcli.photo.overhear import overhear
from colorcli.photo.response import Response, power

# Printed by libjpeg, libpng and libtiff when they make up pixels that the file does not have...
_BROKEN = re.compile(
    r"premature end|bad (Huffman|arithmetic) code|instead of RST|libpng error|TIFF_Error",
    re.IGNORECASE,
)
# ... and when they may have: padding from odd cameras, or a picture that ends too early.
_DOUBTFUL = "extraneous bytes"
_DAMAGED = "the ICC profile is damaged: dropped, and the pixels treated as sRGB"
_CUT = "the file is cut off"
_UNFIT = "the ICC profile does not fit the pixels: they are treated as sRGB"

# OpenCV would print to standard error what we raise as a one-line error.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def decode(data: bytes, header: Header) -> tuple[Array, Array | None]:
    """Decode a file whose header was read and whose limits were checked.

    Args:
        data: the whole file.
        header: its header.

    Returns:
        Pixels, uint8 or uint16, (H, W) gray or (H, W, 3) RGB, not yet upright; and alpha (H, W) or
        None.

    Raises:
        MalformedError: decoding fails, or gives another size than the header's, or another dtype.
    """
    match header.layout:
        case Raw() as raw:
            pixels = _unpacked(data, header, raw)
        case Packed() as packed:
            pixels = _spread(data, header, packed)
        case Interleaved() as interleaved:
            pixels = _told_apart(_by_opencv(header.decodable or data, header), header, interleaved)
        case None:
            pixels = _by_opencv(header.decodable or data, header)
    size = {pixels.shape[:2], pixels.shape[1::-1]}
    if (header.height, header.width) not in size:
        raise MalformedError("its pixels do not match the size in its header")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise MalformedError(f"its samples are {pixels.dtype}, which is not supported")
    if header.negative:
        pixels = ~pixels
    image: Array = _at_full_scale(pixels, header.minimum, header.maximum)
    image, alpha = _parted(image, header)
    if header.multiplied and alpha is not None:
        image = _divided(image, alpha)
    return image, alpha


def gray_of(pixels: Array, data: bytes, header: Header) -> Array:
    """The sRGB-encoded gray of equal L, through the file's profile.

    Args:
        pixels: uint8 or uint16, (H, W) gray or (H, W, 3) RGB.
        data: the whole file, because CMYK is decoded again.
        header: of the file; it gets the warnings, and its metadata loses a damaged profile.

    Returns:
        uint8 (H, W) where the pixels were 8-bit gray with the sRGB curve, else uint16 (H, W).
    """
    how: Response | None = None if header.gamma is None else power(header.gamma)
    profile = header.metadata.icc
    if profile is not None:
        try:
            how = icc.response(profile, tables=_by_tables(pixels))
            if how is None or header.cmyk:
                how, pixels = None, _managed(pixels, data, header, profile)
            elif pixels.ndim == 3 and len(how.curves) == 1:
                if _is_neutral(pixels):
                    pixels = np.ascontiguousarray(pixels[..., 1])
                else:
                    how = None
                    header.warnings.append(_UNFIT)
        except MalformedError:
            header.warnings.append(_DAMAGED)
            header.metadata.icc = None
    elif header.cmyk:
        header.warnings.append("CMYK without a profile: converted approximately")
    if how is None or how.is_srgb():
        if pixels.ndim == 2:
            return pixels
        gray = np.empty(pixels.shape[:2], np.uint16)
        for start in range(0, len(gray), STRIP):
            gray[start : start + STRIP] = lab.gray_from_rgb(pixels[start : start + STRIP])
        return gray
    return how.gray(pixels)


def rgb_of(pixels: Array, data: bytes, header: Header) -> Array:
    """A file's pixels as 8-bit sRGB, through its profile.

    Args:
        pixels: uint8 or uint16, (H, W) gray or (H, W, 3) RGB.
        data: the whole file, because CMYK is decoded again.
        header: of the file; it gets the warnings.

    Returns:
        uint8 (H, W, 3). Pillow (extra `profiles`, which `train` and `evaluate` include) applies
        profiles other than sRGB to colours; without it, these are treated as sRGB.
    """
    profile = header.metadata.icc
    if pixels.ndim == 3 and profile is not None:
        if not _means_srgb(profile, pixels, header):
            pixels = _managed(pixels, data, header, profile)
    elif pixels.ndim == 3 and header.gamma is not None:
        whole = np.iinfo(pixels.dtype).max
        light = np.linspace(0.0, 1.0, whole + 1) ** header.gamma
        pixels = np.rint(srgb.encode(light) * whole).astype(pixels.dtype)[pixels]
    elif pixels.ndim == 2:
        pixels = gray_of(pixels, data, header)
    if pixels.dtype == np.uint16:
        pixels = reduced(pixels, 255).astype(np.uint8)
    return pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)


def _means_srgb(profile: bytes, pixels: Array, header: Header) -> bool:
    """Whether a profile of colours is equivalent to sRGB, or too damaged to use."""
    try:
        how = icc.response(profile, tables=_by_tables(pixels))
    except MalformedError:
        header.warnings.append(_DAMAGED)
        return True
    return how is not None and not header.cmyk and how.is_srgb()


def _by_tables(pixels: Array) -> bool:
    """Whether to prefer look-up tables: Pillow applies them, and at 8 bits only."""
    return pixels.dtype == np.uint8 and managed.available()


def _by_opencv(data: bytes, header: Header) -> Array:
    stored = np.frombuffer(data, np.uint8)
    try:
        pixels, said = overhear(lambda: cv2.imdecode(stored, cv2.IMREAD_UNCHANGED), _Speaking)
    except cv2.error as error:
        if is_out_of_memory(error):
            raise MemoryError from None
        pixels, said = None, None
    if pixels is None:
        raise MalformedError(_CUT if header.cut else "its pixels cannot be decoded", tip=MEND)
    if header.cut and (said is None or _BROKEN.search(said) or _DOUBTFUL in said):
        raise MalformedError(_CUT, tip=MEND)
    if _BROKEN.search(said or ""):
        raise MalformedError("its pixels are damaged", tip=MEND)
    if _DOUBTFUL in (said or ""):
        header.warnings.append("unexpected bytes in its pixel data: it may be damaged")
    return pixels


class _Speaking:
    """Lets OpenCV log libtiff's errors while they are captured; its log level is process-wide."""

    _lock = threading.Lock()
    _threads = 0

    def __enter__(self) -> None:
        with _Speaking._lock:
            _Speaking._threads += 1
            cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

    def __exit__(self, *_: object) -> None:
        with _Speaking._lock:
            _Speaking._threads -= 1
            if not _Speaking._threads:
                cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _told_apart(pixels: Array, header: Header, layout: Interleaved) -> Array:
    """The wanted samples, (H, W, C), of a picture that stores samples side by side."""
    if pixels.shape != (header.height, layout.samples * header.width):
        return pixels  # `decode` refuses their size
    pixels = pixels.reshape(header.height, header.width, layout.samples)
    if layout.differences:
        pixels = np.cumsum(pixels, axis=1, dtype=pixels.dtype)
    return pixels[..., layout.kept]


def _unpacked(data: bytes, header: Header, layout: Raw) -> Array:
    """The samples of an uncompressed file, in OpenCV's channel order."""
    start, channels = layout
    count = header.width * header.height * channels
    dtype = ">u2" if header.depth == 16 else "u1"
    samples: Array = np.frombuffer(data, dtype, count, start)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    pixels = samples.reshape(header.height, header.width, channels)
    if channels == 1:
        return pixels[..., 0]
    return pixels[..., [2, 1, 0, 3][:channels]] if channels >= 3 else pixels


def _spread(data: bytes, header: Header, packed: Packed) -> Array:
    """16-bit pixels as uint8 (H, W, 3) in OpenCV's order; a colour with all bits set is 255."""
    height, width = header.height, header.width
    stride = (16 * width + 31) // 32 * 2
    stored = np.frombuffer(data, "<u2", stride * height, packed.start).reshape(height, stride)
    if not packed.upright:
        stored = stored[::-1]
    pixels = np.empty((height, width, 3), np.uint8)
    for place, mask in enumerate(reversed(packed.masks)):
        low = (mask & -mask).bit_length() - 1
        whole = mask >> low
        table = ((np.arange(whole + 1) * 255 + whole // 2) // whole).astype(np.uint8)
        for start in range(0, height, STRIP):
            rows = slice(start, start + STRIP)
            pixels[rows, :, place] = table[(stored[rows, :width] & mask) >> low]
    return pixels


def _managed(pixels: Array, data: bytes, header: Header, profile: bytes) -> Array:
    """The pixels converted with Pillow through their profile, if possible; else unchanged."""
    kind = icc.space(profile)
    if not managed.available():
        header.warnings.append(
            f"its {kind} profile needs Pillow (extra 'profiles'): the pixels are treated as sRGB"
        )
        return pixels
    converted = None
    if header.cmyk:
        converted = managed.srgb_of_ink(data, profile) if kind == "CMYK" else None
        if converted is not None and converted.shape[:2] != pixels.shape[:2]:
            converted = None
    elif kind == ("GRAY" if pixels.ndim == 2 else "RGB"):
        converted = managed.srgb_of_pixels(pixels, profile)
        if pixels.dtype == np.uint16 and converted is not None:
            header.warnings.append("the ICC profile was applied at 8 bits")
    if converted is None:
        header.warnings.append(_UNFIT)
        return pixels
    return converted


def _is_neutral(pixels: Array) -> bool:
    """Whether colours are all gray, as a decoded gray palette is."""
    return all(
        (strip[..., 1:] == strip[..., :1]).all()
        for strip in (pixels[start : start + STRIP] for start in range(0, len(pixels), STRIP))
    )


def _at_full_scale(pixels: Array, minimum: int, maximum: int | None) -> Array:
    """Samples from `minimum` to `maximum`, scaled to the full range of their dtype."""
    if maximum is None:
        return pixels
    whole = 255 if pixels.dtype == np.uint8 else 65535
    values = np.arange(whole + 1).clip(minimum, maximum) - minimum
    span = maximum - minimum
    table = ((values * whole + span // 2) // span).astype(pixels.dtype)
    return table[pixels]


def _parted(image: Array, header: Header) -> tuple[Array, Array | None]:
    """Gray or RGB, and alpha or None."""
    alpha: Array | None = None
    if image.ndim == 2:
        if header.transparent is not None:
            opaque = np.iinfo(image.dtype).max
            alpha = np.where(image == header.transparent, 0, opaque).astype(image.dtype)
        return image, alpha
    channels = image.shape[2]
    if channels in (2, 4) and not header.opaque:
        alpha = np.ascontiguousarray(image[..., -1])
    if channels <= 2 or header.gray:
        return np.ascontiguousarray(image[..., 0]), alpha
    return image[..., 2::-1], alpha


def _divided(image: Array, alpha: Array) -> Array:
    """Undo the premultiplication of gray (H, W) or colours (H, W, 3) by alpha (H, W).

    Fully transparent pixels stay as stored.
    """
    whole = np.iinfo(image.dtype).max
    result = np.empty_like(image)
    for start in range(0, len(image), STRIP):
        rows = slice(start, start + STRIP)
        strip, by = image[rows].astype(np.uint32), alpha[rows].astype(np.uint32)
        by = by.reshape(by.shape + (1,) * (image.ndim - 2))
        by[by == 0] = whole
        result[rows] = ((strip * whole + by // 2) // by).clip(max=whole)
    return result
