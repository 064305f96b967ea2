"""TIFF: the first directory, and what the coloured file keeps of it (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import replace

from colorcli.photo import exif, ifd, iptc
from colorcli.photo.header import Header, Interleaved, MalformedError
from colorcli.photo.image import Metadata

_SUBFILE, _REDUCED = 254, 1
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _EXTRA, _FORMAT = 274, 277, 338, 339
_PLANAR, _PREDICTOR = 284, 317
# No compression, LZW, deflate and PackBits work on bytes; JPEG works on pixels.
_BYTEWISE = (1, 5, 8, 32773, 32946)
_STRIPS, _TILES = (273, 279), (324, 325)
_XMP, _IPTC, _ICC = 700, 33723, 34675
_RESOURCES = 34377
_RESOLUTION = (282, 283, 296)
_UNIT = 296
_LONG = 4  # the type of a field
_UNREAD = {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "zstd",
    50001: "WebP",
}
_UNREAD |= {50002: "JPEG XL", 52546: "JPEG XL"}
_CMYK, _LAB = 5, (8, 9, 10)
_TIP = "save it as RGB or gray, of 8 or 16 bits"
_RGB = 2
# Channels that carry the colours, by photometric interpretation.
_COLOURS = {0: 1, 1: 1, _RGB: 3, 3: 1, 6: 3}
# Declared meaning of an extra channel (ExtraSamples).
_UNKNOWN, _MULTIPLIED, _SEPARATE = 0, 1, 2
_MOST_BESIDE = 4
# GeoTIFF 1.1: the position of each pixel on the earth, true only while the picture is not turned.
_GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737)
_DESCRIPTION = 270
# How tifffile's descriptions begin. They state the shape of the array, which colour changes.
_SHAPE = b'{"shape"'
# Fields that describe a picture and not its storage: TIFF 6.0 section 8, EXIF's IFD0, Windows'
# ratings and titles, and GDAL's metadata.
_DESCRIPTIVE: tuple[int, ...] = (269, _DESCRIPTION, 271, 272, 285, 305, 306, 315, 316, 33432)
# Metadata of microscopes and ImageJ, and what cameras state about themselves.
_DESCRIPTIVE += (11, 286, 287, 297, 337, 34682, 50708, 50735, 50838, 50839, 51105, 51123)
_DESCRIPTIVE += (0x4746, 0x4749, *range(0x9C9B, 0x9CA0), *_GEOGRAPHIC, 42112, 42113)
# Fields that say how pixels are stored, are read elsewhere, or are private to Photoshop.
_STORAGE = {*range(254, 269), *range(273, 285), *range(288, 304), *range(317, 349), 351, 400}
_STORAGE |= {*range(401, 404), *range(433, 436), *range(512, 533), 559, 700, 33723, 34016, 34377}
# And what Windows and others leave behind: padding, GDI+ settings, positions of annotations.
_STORAGE |= {59932, *range(20752, 20755), 32781, 32932}
_STORAGE |= {34665, 34675, 34732, 34853, 37724, 40965, 50341}


def inspect(data: bytes) -> Header:
    """Read the first directory of a TIFF.

    Raises:
        MalformedError: it is cut off, or its pixels are of an unsupported kind.
    """
    how = ifd.structure(data)
    fields, following = ifd.read(data, how, how.first)
    header = Header(_first(fields, _WIDTH), _first(fields, _HEIGHT), Metadata())
    if following and (pages := ifd.pages(data, how)) > 1:
        header.warnings.append(
            f"{pages} pages: only the first is read; `tiffsplit` writes each to a file"
        )
    _refuse_unread(fields)
    _check_extent(data, fields)
    bits, photometric = _first(fields, _BITS, 1), _first(fields, _PHOTOMETRIC, 1)
    header.negative = bits == 16 and photometric == 0
    header.cmyk = photometric == _CMYK
    header.opaque = header.cmyk
    _take_channels(data, how, fields, header)
    _take_metadata(data, how, fields, header)
    return header


def _refuse_unread(fields: ifd.Directory) -> None:
    """Refuse pixels of an unsupported kind.

    Raises:
        MalformedError: they are of one.
    """
    bits, photometric = _first(fields, _BITS, 1), _first(fields, _PHOTOMETRIC, 1)
    samples = _first(fields, _SAMPLES, 1)
    if _first(fields, _SUBFILE, 0) & _REDUCED:
        raise MalformedError(
            "its first picture is only a preview",
            tip="convert raw files to TIFF or PNG first; from others, save only the full picture",
        )
    if _first(fields, _FORMAT, 1) != 1:
        raise MalformedError(
            "its samples are signed or floating-point numbers, which is not supported", tip=_TIP
        )
    if (packed := _first(fields, _COMPRESSION, 1)) in _UNREAD:
        raise MalformedError(
            f"it is compressed as {_UNREAD[packed]}, which is not supported",
            tip="save it with LZW or deflate",
        )
    if photometric in _LAB:
        raise MalformedError("its pixels are stored as CIELAB, which is not supported", tip=_TIP)
    if bits not in (1, 2, 4, 8, 16):
        raise MalformedError(f"its samples have {bits} bits, which is not supported", tip=_TIP)
    if bits == 2 or (bits == 4 and photometric in (0, 1)):
        # OpenCV reads 1-bit grays, and 4-bit palettes.
        raise MalformedError(
            f"its samples have {bits} bits, which is not supported", tip="save it with 8 bits"
        )
    if bits == 16 and samples > 1 and _first(fields, _PLANAR, 1) == 2:
        # OpenCV would silently mix up the planes.
        raise MalformedError(
            "its 16-bit channels are stored in separate planes, which is not supported",
            tip="save it with its channels interleaved",
        )
    if photometric == _CMYK and (bits != 8 or samples != 4):
        kind = f"CMYK of {bits} bits" if bits != 8 else f"{samples} channels of ink"
        raise MalformedError(
            f"its pixels are {kind}, which is not supported",
            tip="save it as RGB, or as CMYK of 8 bits and four channels",
        )


def _take_metadata(data: bytes, how: ifd.Structure, fields: ifd.Directory, header: Header) -> None:
    """Record the directory's metadata and orientation."""
    metadata = header.metadata
    metadata.icc, metadata.xmp, metadata.iptc = (
        fields[tag].value if tag in fields else None for tag in (_ICC, _XMP, _IPTC)
    )
    if metadata.iptc is None and _RESOURCES in fields:
        metadata.iptc = iptc.of_resources(fields[_RESOURCES].value)
    metadata.dpi = exif.resolution(fields)
    carried = {tag: fields[tag] for tag in _DESCRIPTIVE if tag in fields}
    if _DESCRIPTION in carried and carried[_DESCRIPTION].value.startswith(_SHAPE):
        del carried[_DESCRIPTION]
    if unknown := sorted(fields.keys() - _STORAGE - set(_DESCRIPTIVE)):
        numbers = ", ".join(map(str, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        header.warnings.append(f"unknown fields ({numbers}): dropped")
    if metadata.dpi is None and _UNIT in fields:
        # Without a unit: for pixels that are not square, or in a unit that a description names.
        carried |= {tag: fields[tag] for tag in _RESOLUTION if tag in fields}
    if _ORIENTATION in fields:
        # OpenCV turns TIFFs itself, whatever flags it gets.
        header.orientation = 1
        turned = _turn(fields[_ORIENTATION])
        if 2 <= turned <= 8:
            header.turned = turned
        if header.turned and any(tag in carried for tag in _GEOGRAPHIC):
            header.warnings.append("its GeoTIFF tags are true only of unturned pixels: dropped")
            carried = {tag: field for tag, field in carried.items() if tag not in _GEOGRAPHIC}
    below = exif.tree_of(data, how, fields)
    if below.get(ifd.EXIF, {}).pop(exif.MAKER_NOTE, None) is not None:
        header.warnings.append("camera maker notes, which point into the TIFF: dropped")
    if carried or below:
        metadata.exif = _prefix(how.order) + ifd.write_tree(carried, below, 8, how.order)


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded TIFF: its directory is rewritten after the pixels.

    Args:
        encoded: a classic TIFF as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and a warning for each thing that did not fit.

    Raises:
        MalformedError: the encoder's file is too large for a classic TIFF.
    """
    how = ifd.structure(encoded)
    if how.big or len(encoded) > 0xF0000000:
        raise MalformedError("a TIFF holds at most 4 GB")
    order = how.order
    lost: list[str] = []
    fields, _ = ifd.read(encoded, how, how.first)
    below: dict[int, ifd.Directory] = {}
    if metadata.exif is not None:
        source = ifd.structure(metadata.exif)
        found, _ = ifd.read(metadata.exif, source, source.first)
        kept = _DESCRIPTIVE if metadata.dpi is not None else (*_DESCRIPTIVE, *_RESOLUTION)
        fields |= {tag: found[tag] for tag in kept if tag in found}
        if _UNIT in fields and not _is_unit(fields[_UNIT]):
            del fields[_UNIT]  # readers would complain
        below = exif.tree_of(metadata.exif, source, found)
        if below.get(ifd.EXIF, {}).pop(exif.MAKER_NOTE, None) is not None:
            lost.append("TIFF holds no camera maker notes, which point into their EXIF: dropped")
    if metadata.icc is not None:
        fields[_ICC] = ifd.Entry(7, len(metadata.icc), metadata.icc, order)
    if metadata.xmp is not None:
        fields[_XMP] = ifd.Entry(1, len(metadata.xmp), metadata.xmp, order)
    if metadata.iptc is not None:
        fields[_IPTC] = ifd.Entry(7, len(metadata.iptc), metadata.iptc, order)
    if metadata.dpi is not None:
        fields[282], fields[283] = (ifd.rational(value, order) for value in metadata.dpi)
        fields[296] = ifd.short(2, order)
    if _first(fields, _SAMPLES, 1) == 4:
        fields[_EXTRA] = ifd.short(_SEPARATE, order)
    start = len(encoded) + len(encoded) % 2
    head = encoded[:4] + struct.pack(f"{order}I", start)
    directory = ifd.write_tree(fields, below, start, order)
    return b"".join((head, encoded[8:], b"\0" * (len(encoded) % 2), directory)), lost


def _is_unit(entry: ifd.Entry) -> bool:
    """Whether it is a valid unit of resolution: none, inch or centimetre."""
    try:
        return entry.integer() in (1, 2, 3)
    except MalformedError:
        return False


def _first(fields: ifd.Directory, tag: int, default: int | None = None) -> int:
    if tag in fields:
        return fields[tag].integer()
    if default is None:
        raise MalformedError("it has no size")
    return default


def _turn(field: ifd.Entry) -> int:
    """An orientation, as OpenCV reads it: of any integer type; 1 for others."""
    unsigned = {6: 1, 8: 3, 9: 4}.get(field.type, field.type)
    try:
        return replace(field, type=unsigned).integer()
    except MalformedError:
        return 1


def _check_extent(data: bytes, fields: ifd.Directory) -> None:
    """Check that every strip or tile lies inside the file."""
    for offsets, counts in (_STRIPS, _TILES):
        if offsets in fields and counts in fields:
            pairs = zip(fields[offsets].integers(), fields[counts].integers(), strict=False)
            if any(at + count > len(data) for at, count in pairs):
                raise MalformedError("the file is cut off")
            return
    raise MalformedError("it has no pixels, or is cut off")


def _take_channels(data: bytes, how: ifd.Structure, fields: ifd.Directory, header: Header) -> None:
    """Decide on the channels beside gray or colours: alpha is kept, unknown ones are dropped.

    Raises:
        MalformedError: the decoder would lose or mix up the channels as they are stored here.
    """
    photometric, bits = _first(fields, _PHOTOMETRIC, 1), _first(fields, _BITS, 1)
    colours = _COLOURS.get(photometric, 0)
    beside = _first(fields, _SAMPLES, 1) - colours
    if not colours or beside <= 0:
        return
    stated = fields[_EXTRA].integers()[:beside] if _EXTRA in fields else ()
    # A single channel without a declaration is alpha: OpenCV and others write it so.
    kinds = stated or ((_SEPARATE,) if beside == 1 else ())
    alpha = next((i for i, kind in enumerate(kinds) if kind in (_MULTIPLIED, _SEPARATE)), None)
    header.opaque = alpha is None
    header.multiplied = alpha is not None and kinds[alpha] == _MULTIPLIED
    if beside > (alpha is not None):
        header.warnings.append("extra channels of unknown meaning: dropped")
    if photometric == _RGB and beside == 1:
        if bits == 8 and alpha is not None and not header.multiplied and stated:
            # OpenCV's 8-bit path multiplies colours by alpha that is declared separate, which would
            # lose the gray of transparent pixels; it leaves alone what is declared premultiplied.
            header.decodable = _patched(data, how, {_EXTRA: _MULTIPLIED})
        return
    plain = (
        _first(fields, _COMPRESSION, 1) in _BYTEWISE
        and _first(fields, _PLANAR, 1) == 1
        and bits in (8, 16)
        and photometric in (1, _RGB)
        and _first(fields, _ORIENTATION, 1) == 1
        and _TILES[0] not in fields
        and beside <= _MOST_BESIDE
    )
    if not plain:
        # OpenCV would silently multiply gray by alpha, or drop it.
        what = "extra channels are" if alpha is None else "transparency is"
        raise MalformedError(f"{what} not supported as stored here", tip="save it as PNG")
    # The decoder is given a gray picture, as many times wider as there are channels.
    kept = ((0,) if colours == 1 else (2, 1, 0)) + (() if alpha is None else (colours + alpha,))
    header.layout = Interleaved(colours + beside, kept, _first(fields, _PREDICTOR, 1) == 2)
    header.decodable = _patched(
        data,
        how,
        {
            _WIDTH: header.samples_shown * header.width,
            _PHOTOMETRIC: 1,
            _SAMPLES: 1,
            _EXTRA: _UNKNOWN,
            _PREDICTOR: 1,
        },
    )


def _patched(data: bytes, how: ifd.Structure, values: dict[int, int]) -> bytes:
    """The file with new values in some integer fields of its first directory."""
    head, entry, number = ("Q", 20, "Q") if how.big else ("H", 12, "I")
    (count,) = struct.unpack_from(how.order + head, data, how.first)
    start = how.first + struct.calcsize(head)
    patched = bytearray(data)
    for at in range(start, start + count * entry, entry):
        (tag,) = struct.unpack_from(f"{how.order}H", data, at)
        if tag in values:
            # As LONG, whatever it was: width times channels may be too much for a SHORT.
            struct.pack_into(how.order + "H" + number, patched, at + 2, _LONG, 1)
            place = at + entry - (8 if how.big else 4)
            struct.pack_into(how.order + "I", patched, place, values[tag])
    return bytes(patched)


def _prefix(order: str) -> bytes:
    return struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
