"""Photos for tests: real ones that scikit-image bundles, in every format."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms
from skimage import data

XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" dc:source="attic"/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


class Tint:
    """One colour everywhere: an `AbRows`."""

    def __init__(self, a: float = 12, b: float = 20) -> None:
        self.ab = (a, b)

    def rows(self, start: int, L: np.ndarray) -> np.ndarray:  # noqa: ARG002
        colours = np.empty((*L.shape, 2), np.float32)
        colours[:] = self.ab
        return colours


def camera(height: int = 120, width: int = 97) -> np.ndarray:
    """A real gray photograph, uint8."""
    return data.camera()[150 : 150 + height, 120 : 120 + width].copy()


def camera16() -> np.ndarray:
    """The same in uint16, with independent low bytes."""
    low = np.random.default_rng(0).integers(0, 256, camera().shape)
    return (camera().astype(np.uint16) << 8) + low.astype(np.uint16)


def saved(image: np.ndarray | Image.Image, family: str, **options: Any) -> bytes:
    """The file that Pillow writes for an image."""
    buffer = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(buffer, family, **options)
    return buffer.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """EXIF as a scanner writes it."""
    fields = Image.Exif()
    fields[0x0112] = orientation
    fields[0x010F] = "Kodak"
    fields[0x011A] = fields[0x011B] = 300.0
    fields[0x0128] = 2
    fields.get_ifd(0x8769)[0x9003] = "1955:06:01 12:00:00"
    fields.get_ifd(0x8769)[0xA002] = 9999
    return fields


def tiff(image: np.ndarray, **options: Any) -> bytes:
    """The file that tifffile writes for an image, in any layout."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, metadata=None, **options)
    return buffer.getvalue()


def only_in_xmp(orientation: int) -> bytes:
    """An XMP packet that states an orientation."""
    return XMP.replace(b'Orientation="6"', b'Orientation="%d"' % orientation)


@functools.cache  # lcms stamps a profile with its creation time
def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


GRAY = camera()
COLOUR = data.astronaut()[:90, 100:250]


def off(photo_gray: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference in 8-bit levels."""
    scale = 257 if photo_gray.dtype == np.uint16 else 1
    return float(np.abs(photo_gray / scale - expected).max())
