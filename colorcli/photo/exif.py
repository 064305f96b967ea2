"""EXIF: read what the program needs, and adapt it to the coloured photo (CIPA DC-008)."""

from __future__ import annotations

import struct

from colorcli.photo import ifd
from colorcli.photo.header import MalformedError
from colorcli.photo.turn import place

_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_WIDTH, _HEIGHT = 0x0100, 0x0101
_COLOUR_SPACE, _PIXELS_ACROSS, _PIXELS_DOWN = 0xA001, 0xA002, 0xA003
_SUBJECT_AREA, _SUBJECT_LOCATION = 0x9214, 0xA214
MAKER_NOTE = 0x927C
_SRGB = 1
# BitsPerSample, PhotometricInterpretation, SamplesPerPixel, TransferFunction, WhitePoint and
# PrimaryChromaticities of the source: the new file states its own, and its colours are sRGB.
_OF_GRAY = (0x0102, 0x0106, 0x0115, 0x012D, 0x013E, 0x013F)


def strip_prefix(exif: bytes) -> bytes:
    """EXIF without the six bytes that some containers put before the TIFF structure."""
    return exif[6:] if exif[:4] == b"Exif" else exif


def is_sound(exif: bytes) -> bool:
    """Whether it is a classic TIFF structure whose first directory can be read."""
    try:
        how = ifd.structure(exif)
        ifd.read(exif, how, how.first)
    except MalformedError:
        return False
    return not how.big


def orientation(exif: bytes | None) -> int | None:
    """EXIF orientation, 1 to 8; None if missing or invalid."""
    if exif is None:
        return None
    try:
        how = ifd.structure(exif)
        value = ifd.read(exif, how, how.first)[0][_ORIENTATION].integer()
    except (MalformedError, KeyError):
        return None
    return value if 1 <= value <= 8 else None


def resolution(fields: ifd.Directory) -> tuple[float, float] | None:
    """Pixels per inch, across and down, or None if the fields do not say."""
    if _X_RESOLUTION not in fields:
        return None
    across = fields[_X_RESOLUTION].rational()
    down = fields[_Y_RESOLUTION].rational() if _Y_RESOLUTION in fields else across
    try:
        unit = fields[_UNIT].integer() if _UNIT in fields else 2
    except MalformedError:
        unit = 2
    scale = {2: 1.0, 3: 2.54}.get(unit)
    if scale is None or across <= 0 or down <= 0:
        return None
    return across * scale, down * scale


def dpi(exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per inch, across and down, or None if EXIF does not say."""
    if exif is None:
        return None
    try:
        how = ifd.structure(exif)
        return resolution(ifd.read(exif, how, how.first)[0])
    except MalformedError:
        return None


def renewed(
    exif: bytes | None,
    *,
    width: int,
    height: int,
    dpi: tuple[float, float] | None,
    mark: str | None,
    software: str,
    home_of_dpi: bool = False,
) -> bytes | None:
    """EXIF for the coloured photo: upright, its size, sRGB, no gray thumbnail, and the mark.

    The first directory is rewritten after the old data, whose offsets stay: maker notes, which
    hold offsets that cannot be rewritten, keep working.

    Args:
        exif: a sound TIFF structure, or None.
        width: of the photo, upright.
        height: of the photo, upright.
        dpi: the resolution, written if EXIF states none itself, or is its only place.
        mark: a description that says that the colours are predicted, or None for no mark.
        software: name of the program, written with the mark. An existing field stays, of both.
        home_of_dpi: whether the file has no other place for the resolution.

    Returns:
        A TIFF structure; None if there was none and there is nothing to write.
    """
    if exif is None:
        if mark is None and not (home_of_dpi and dpi):
            return None
        exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    how = ifd.structure(exif)
    order = how.order
    fields, following = ifd.read(exif, how, how.first)
    data = bytearray(exif)
    if following:
        data = _without_thumbnail(data, how, following)
    for tag in _OF_GRAY:
        fields.pop(tag, None)
    if _ORIENTATION in fields:
        fields[_ORIENTATION] = ifd.short(1, order)
    for tag, size in ((_WIDTH, width), (_HEIGHT, height)):
        if tag in fields:
            fields[tag] = ifd.long(size, order)
    own = resolution(fields)
    # In a JPEG, JFIF may state another resolution: both stay.
    if dpi is not None and (home_of_dpi or own is None):
        fields[_X_RESOLUTION] = ifd.rational(dpi[0], order)
        fields[_Y_RESOLUTION] = ifd.rational(dpi[1], order)
        fields[_UNIT] = ifd.short(2, order)
    if mark is not None:
        fields.setdefault(_DESCRIPTION, ifd.ascii_(mark, order))
        fields.setdefault(_SOFTWARE, ifd.ascii_(software, order))
    if ifd.EXIF in fields:
        _name_srgb(data, how, fields)
        values = {_COLOUR_SPACE: _SRGB, _PIXELS_ACROSS: width, _PIXELS_DOWN: height}
        _correct(data, how, fields[ifd.EXIF], values)
    data += b"\0" * (len(data) % 2)
    struct.pack_into(f"{order}I", data, 4, len(data))
    kept = bytes(data)
    return kept + ifd.write(fields, len(kept), order, within=kept)


def turned(exif: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """EXIF with resolution and subject area turned upright; nothing else changes.

    Args:
        exif: a sound TIFF structure.
        orientation: of the stored picture, 2 to 8.
        size: width and height of the stored picture.
    """
    how = ifd.structure(exif)
    data = bytearray(exif)
    fields, _ = ifd.read(exif, how, how.first)
    details = tree_of(exif, how, fields).get(ifd.EXIF, {})
    taken = [range(8), _extent(exif, how, how.first)]
    if details:
        taken.append(_extent(exif, how, fields[ifd.EXIF].integer()))

    def is_free(field: ifd.Entry) -> bool:
        """Whether its bytes are not a directory's: offsets may be wrong, or malicious."""
        end = field.at + len(field.value)
        return all(end <= span.start or field.at >= span.stop for span in taken)

    pair = [fields[tag] for tag in (_X_RESOLUTION, _Y_RESOLUTION) if tag in fields]
    whole = [field for field in pair if len(field.value) == 8 and is_free(field)]
    if orientation >= 5 and len(whole) == 2:
        one, other = whole
        data[one.at : one.at + 8], data[other.at : other.at + 8] = other.value, one.value
    for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
        field = details.get(tag)
        if field is None or field.type != 3 or not 2 <= field.count <= 4:
            continue
        if len(field.value) > 4 and not is_free(field):  # shorter ones lie in the directory
            continue
        values = list(field.integers())
        width, height = size[::-1] if orientation >= 5 else size
        # Coordinates are of pixels, whose position is their centre.
        middle = place((values[0] + 0.5) / size[0], (values[1] + 0.5) / size[1], orientation)
        for axis, (share, side) in enumerate(zip(middle, (width, height), strict=True)):
            values[axis] = min(max(0, round(share * side - 0.5)), side - 1, 65535)
        if orientation >= 5:
            values[2:] = values[:1:-1]  # width and height; a diameter alone stays
        struct.pack_into(f"{field.order}{field.count}H", data, field.at, *values)
    return bytes(data)


def _extent(exif: bytes, how: ifd.Structure, offset: int) -> range:
    """The range of bytes of a directory itself."""
    (count,) = struct.unpack_from(f"{how.order}H", exif, offset)
    return range(offset, offset + 2 + 12 * count + 4)


def tree_of(data: bytes, how: ifd.Structure, fields: ifd.Directory) -> dict[int, ifd.Directory]:
    """The EXIF and GPS directories that `fields` points to; broken ones are skipped."""
    below = {}
    for tag in (ifd.EXIF, ifd.GPS):
        try:
            directory, _ = ifd.read(data, how, fields[tag].integer())
        except (MalformedError, KeyError):
            continue
        below[tag] = {key: field for key, field in directory.items() if key not in ifd.POINTERS}
    return below


def _without_thumbnail(data: bytearray, how: ifd.Structure, offset: int) -> bytearray:
    """Zero the thumbnail of the second directory; cut it off if it ends the data."""
    try:
        fields, _ = ifd.read(bytes(data), how, offset)
        start, length = fields[_THUMBNAIL].integer(), fields[_THUMBNAIL_LENGTH].integer()
    except (MalformedError, KeyError):
        return data
    stop = min(start + length, len(data))
    if stop == len(data) and start >= 8:
        return data[:start]
    if start < stop:
        data[start:stop] = bytes(stop - start)
    return data


def _name_srgb(data: bytearray, how: ifd.Structure, fields: ifd.Directory) -> None:
    """Replace DCF's name for Adobe RGB with its name for sRGB, in place."""
    try:
        stated, _ = ifd.read(bytes(data), how, fields[ifd.EXIF].integer())
        names, _ = ifd.read(bytes(data), how, stated[ifd.INTEROPERABILITY].integer())
    except (MalformedError, KeyError):
        return
    name = names.get(1)
    if name is not None and name.value == b"R03\0":
        data[name.at : name.at + 4] = b"R98\0"


def _correct(
    data: bytearray, how: ifd.Structure, pointer: ifd.Entry, corrected: dict[int, int]
) -> None:
    """Correct what the EXIF directory states about the pixels, in place."""
    try:
        at = pointer.integer()
        (count,) = struct.unpack_from(f"{how.order}H", data, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, values = struct.unpack_from(f"{how.order}HHI", data, entry)
            if values == 1 and tag in corrected:
                # The colour space is a SHORT, and sizes may be LONG.
                layout, kind = ("HHIHxx", 3) if tag == _COLOUR_SPACE else ("HHII", 4)
                struct.pack_into(how.order + layout, data, entry, tag, kind, 1, corrected[tag])
    except (MalformedError, struct.error):
        return
