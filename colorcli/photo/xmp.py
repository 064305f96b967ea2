"""XMP: the packet of the source, made to fit the coloured photo (ISO 16684-1)."""

from __future__ import annotations

import re
from html import escape

from colorcli.photo.turn import place

# IPTC's word for a picture that is partly made by a trained model.
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_CLOSING = b"</rdf:RDF>"
_PADDING = re.compile(rb"\s+(?=<\?xpacket end)")
# As an attribute, and as an element: what is before the digit, the digit.
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*=\s*[\"']|<tiff:Orientation>\s*)(\d)")

# What was true of gray pixels, and is of RGB.
_OF_GRAY = [
    (re.compile(rb"(%s\s*=\s*[\"']|<%s>)[^\"'<]*" % (name, name)), value)
    for name, value in (
        (b"photoshop:ColorMode", b"3"),
        (b"photoshop:ICCProfile", b"sRGB IEC61966-2.1"),
        (b"tiff:PhotometricInterpretation", b"2"),
        (b"tiff:SamplesPerPixel", b"3"),
    )
]

# Places of faces and things (Metadata Working Group, 5.9): the element with the place, and that
# with the size of the picture it holds for. Values are attributes of it or elements in it. All is
# bounded, for a packet may be made to keep a search busy.
_AREA = re.compile(rb"<mwg-rs:Area\b.{0,1000}?(?:/>|</mwg-rs:Area>)", re.DOTALL)
_APPLIED = re.compile(
    rb"<mwg-rs:AppliedToDimensions\b.{0,1000}?(?:/>|</mwg-rs:AppliedToDimensions>)", re.DOTALL
)
_VALUE = rb"(%s\s{0,9}=\s{0,9}[\"']|<%s>\s{0,9})([-+.\deE]{1,30})"
# A video or a brighter picture behind the photo, which stay behind.
_BEHIND = [
    re.compile(rb"\s(?:GCamera|hdrgm):\w{1,50}\s{0,9}=\s{0,9}(?:\"[^\"]{0,1000}\"|'[^']{0,1000}')"),
    re.compile(rb"<((?:GCamera|hdrgm):\w{1,50})>.{0,2000}?</\1>", re.DOTALL),
    re.compile(rb"<(Container:Directory)>.{0,8000}?</\1>", re.DOTALL),
]


def is_sound(xmp: bytes) -> bool:
    """Whether it is a packet that properties can be added to."""
    return _CLOSING in xmp and b"<rdf:RDF" in xmp and b"\0" not in xmp


def orientation(xmp: bytes | None) -> int | None:
    """EXIF orientation as the packet states it, 1 to 8, or None."""
    found = None if xmp is None else _ORIENTATION.search(xmp)
    return int(found[2]) if found and found[2] in b"12345678" else None


def turned(xmp: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """The packet with the places of faces and things turned with the picture.

    Args:
        xmp: a packet.
        orientation: 2 to 8: how the stored picture is to be turned.
        size: width and height of the stored picture. Places that state the size of the upright one
            are upright already.
    """
    stated = _APPLIED.search(xmp)
    holds_for = None if stated is None else _values(stated[0], b"stDim", b"wh")
    if size[0] != size[1] and orientation >= 5 and holds_for == [float(size[1]), float(size[0])]:
        return xmp

    def turned_area(found: re.Match[bytes]) -> bytes:
        where = _values(found[0], b"stArea", b"xy")
        if where is None:
            return found[0]
        x, y = place(where[0], where[1], orientation)
        area = _stated(found[0], b"stArea", {b"x": x, b"y": y})
        return _swapped(area, b"stArea") if orientation >= 5 else area

    xmp = _AREA.sub(turned_area, xmp)
    if orientation >= 5:
        xmp = _APPLIED.sub(lambda found: _swapped(found[0], b"stDim"), xmp)
    return xmp


def _pattern(prefix: bytes, key: int) -> re.Pattern[bytes]:
    name = prefix + b":" + bytes((key,))
    return re.compile(_VALUE % (name, name))


def _values(element: bytes, prefix: bytes, keys: bytes) -> list[float] | None:
    """The numbers of some of its attributes or elements; None unless all are there."""
    found = [_pattern(prefix, key).search(element) for key in keys]
    try:
        return [float(match[2]) for match in found if match is not None] if all(found) else None
    except ValueError:
        return None


def _stated(element: bytes, prefix: bytes, values: dict[bytes, float]) -> bytes:
    """The element with other numbers where it has some."""
    for key, value in values.items():
        said = rb"\g<1>" + f"{value:.9g}".encode()
        element = _pattern(prefix, key[0]).sub(said, element)
    return element


def _swapped(element: bytes, prefix: bytes) -> bytes:
    """The element with its width and height in each other's place."""
    sizes = _values(element, prefix, b"wh")
    if sizes is None:
        return element
    return _stated(element, prefix, {b"w": sizes[1], b"h": sizes[0]})


def renewed(xmp: bytes | None, *, mark: str | None, room: int | None = None) -> bytes | None:
    """XMP for the coloured photo: upright, no gray thumbnail, and the mark.

    Args:
        xmp: a sound packet, or None.
        mark: what predicted the colours, or None for no mark.
        room: bytes that the file has for it, or None: any number. What is too large loses its
            padding, then the mark, before it is left to the file to drop it.

    Returns:
        A packet; None if there was none and there is no mark. A digital source type that the
        packet states already stays.
    """
    if xmp is None:
        return None if mark is None else _marked(_EMPTY, mark)
    xmp = _ORIENTATION.sub(rb"\g<1>1", xmp)
    for stated, value in _OF_GRAY:
        xmp = stated.sub(rb"\g<1>" + value, xmp)
    for promise in _BEHIND:
        xmp = promise.sub(b"", xmp)
    xmp = re.sub(rb"<xmp:Thumbnails\b.*?</xmp:Thumbnails>", b"", xmp, flags=re.DOTALL)
    for packet in (xmp, _PADDING.sub(b"\n", xmp)):
        marked = packet if mark is None else _marked(packet, mark)
        if room is None or len(marked) <= room:
            return marked
    return packet


def _marked(packet: bytes, mark: str) -> bytes:
    # A namespace is a name, not an address: `.invalid` is one that nobody will ever own.
    names = 'xmlns:colorize="https://colorize.invalid/ns/1/"'
    said = f'colorize:ColorsPredictedBy="{escape(mark)}"'
    if b"ColorsPredictedBy" in packet:
        return packet
    if b"DigitalSourceType" not in packet:
        names += ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        said += f' Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"'
    added = f'<rdf:Description rdf:about="" {names} {said}/>'.encode()
    before, closing, after = packet.rpartition(_CLOSING)
    return before + added + closing + after
