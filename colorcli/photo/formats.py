"""The families of photo formats: their names, suffixes, and what they can hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from colorcli.errors import PhotoError


class Family(NamedTuple):
    """What a family of formats can hold.

    Attributes:
        name: the family, as `Photo.format` names it.
        suffixes: the file suffixes, the usual one first.
        depths: bits per channel that are written.
        alpha: whether it can hold transparency.
        carries: the kinds of metadata that are written: "exif", "xmp", "icc", "dpi", "iptc".
        notes: the kinds of `Metadata.notes` that are written.
    """

    name: str
    suffixes: tuple[str, ...]
    depths: tuple[int, ...]
    alpha: bool
    carries: frozenset[str]
    notes: frozenset[bytes] = frozenset()


_ALL = frozenset({"exif", "xmp", "icc", "dpi"})

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family(
                "jpeg",
                (".jpg", ".jpeg", ".jpe", ".jfif"),
                (8,),
                False,
                _ALL | {"iptc"},
                frozenset({b"COM"}),
            ),
            Family("png", (".png",), (8, 16), True, _ALL, frozenset({b"tEXt", b"zTXt", b"iTXt"})),
            Family("tiff", (".tif", ".tiff"), (8, 16), True, _ALL | {"iptc"}),
            Family("webp", (".webp",), (8,), True, _ALL),
            Family("avif", (".avif",), (8, 12), True, _ALL),
            Family("jpeg2000", (".jp2",), (8, 16), True, _ALL | {"iptc"}),
            Family("bmp", (".bmp", ".dib"), (8,), True, frozenset({"dpi"})),
            Family("pnm", (".ppm", ".pgm", ".pbm", ".pnm", ".pam"), (8, 16), True, frozenset()),
        )
    }
)
"""Family name → what it can hold."""

FORMATS: Mapping[str, str] = MappingProxyType(
    {suffix: family.name for family in FAMILIES.values() for suffix in family.suffixes}
)
"""File suffix, lower case and with its dot → family name."""

FOREIGN = frozenset(
    (
        *(".heic", ".heif", ".jxl", ".jxr", ".gif", ".apng", ".j2k", ".jpx", ".jpf", ".btf"),
        *(".hif", ".avifs", ".mpo", ".jpc", ".j2c", ".jls", ".wdp", ".pfm", ".sgi"),
        *(".psd", ".psb", ".xcf", ".tga", ".pcx", ".exr", ".hdr"),
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf", ".rw2"),
        *(".pef", ".srw", ".3fr", ".iiq", ".x3f", ".rwl", ".dcr", ".kdc", ".mrw", ".erf", ".mef"),
    )
)
"""Suffixes of unsupported picture formats: those found in a folder are reported."""

# Netpbm's suffixes for gray and bitmaps: readers that trust them refuse colour inside.
_COLOURLESS = frozenset({".pgm", ".pbm"})


def coloured_suffix(suffix: str) -> str:
    """The suffix of a coloured photo, from that of its source.

    Args:
        suffix: with its dot, in any case.

    Returns:
        ".ppm" for ".pgm" and ".pbm", which mean a picture without colours; else `suffix`.
    """
    return ".ppm" if suffix.lower() in _COLOURLESS else suffix


def suffix_of(format: str) -> str:  # noqa: A002
    """The usual suffix of a family, with its dot.

    Args:
        format: a key of `FAMILIES`.

    Returns:
        For example ".jpg".

    Raises:
        PhotoError: there is no such family.
    """
    try:
        return FAMILIES[format].suffixes[0]
    except KeyError:
        raise PhotoError(
            f"no photo format is called '{format}'", tip=f"known: {' '.join(FAMILIES)}"
        ) from None
