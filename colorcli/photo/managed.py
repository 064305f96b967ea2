"""Convert pixels through ICC profiles to sRGB with Pillow (extra `profiles`)."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from colorcli.photo.image import Array, reduced


def available() -> bool:
    """Whether Pillow with colour management is installed."""
    try:
        from PIL import ImageCms  # noqa: F401
    except ImportError:
        return False
    return True


def srgb_of_pixels(pixels: Array, profile: bytes) -> Array | None:
    """Convert gray or RGB pixels through a profile, at Pillow's 8 bits.

    Args:
        pixels: uint8 or uint16, (H, W) or (H, W, 3) RGB.
        profile: ICC.

    Returns:
        uint8 (H, W, 3) sRGB, or None if the profile cannot be used.
    """
    from PIL import Image

    if pixels.dtype == np.uint16:
        pixels = reduced(pixels, 255).astype(np.uint8)
    return _converted(Image.fromarray(pixels), profile)


def srgb_of_ink(data: bytes, profile: bytes) -> Array | None:
    """Decode a CMYK file, and convert it through its profile.

    Args:
        data: a JPEG or TIFF file whose limits were checked.
        profile: ICC.

    Returns:
        uint8 (H, W, 3) sRGB, or None if the file or the profile cannot be used.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    # Not `Image.open`, which has a limit of its own.
    kind = JpegImageFile if data.startswith(b"\xff\xd8") else TiffImageFile
    try:
        with kind(io.BytesIO(data)) as image:
            return _converted(image, profile) if image.mode == "CMYK" else None
    except (OSError, ValueError, SyntaxError):
        return None


def _converted(image: Any, profile: bytes) -> Array | None:
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return np.asarray(converted)
