"""XMP: adapt the packet of the source to the coloured photo (ISO 16684-1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

from colorcli.photo.turn import place

# IPTC's term for a picture that is partly made by a trained model.
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_MARK = b"ColorsPredictedBy"
_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_CLOSING = b"</rdf:RDF>"
_PADDING = re.compile(rb"\s+(?=<\?xpacket end)")
# As an attribute or an element. Groups: what is before the digit, the digit.
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*=\s*[\"']|<tiff:Orientation>\s*)(\d)")

# Properties that describe gray pixels, and their values for RGB.
_OF_GRAY = [
    (re.compile(rb"(%s\s*=\s*[\"']|<%s>)[^\"'<]*" % (name, name)), value)
    for name, value in (
        (b"photoshop:ColorMode", b"3"),
        (b"photoshop:ICCProfile", b"sRGB IEC61966-2.1"),
        (b"tiff:PhotometricInterpretation", b"2"),
        (b"tiff:SamplesPerPixel", b"3"),
    )
]

# Regions of faces and things (Metadata Working Group, 5.9): the element with the region, and the
# one with the picture size it refers to. Values are attributes or child elements.
_AREA, _APPLIED = b"mwg-rs:Area", b"mwg-rs:AppliedToDimensions"
_VALUE = rb"(%s\s{0,9}=\s{0,9}[\"']|<%s>\s{0,9})([-+.\deE]{1,30})"
# As Windows states them: left, top, width and height.
_RECTANGLE = re.compile(
    rb"(MPReg:Rectangle\s{0,9}=\s{0,9}[\"']|<MPReg:Rectangle>\s{0,9})"
    rb"([-+.\deE]{1,30}),\s{0,9}([-+.\deE]{1,30}),\s{0,9}([-+.\deE]{1,30}),\s{0,9}([-+.\deE]{1,30})"
)
# They describe a video or gain map after the photo, which are dropped.
_BEHIND = re.compile(
    rb"\s(?:GCamera|hdrgm):\w{1,50}\s{0,9}=\s{0,9}(?:\"[^\"]{0,1000}\"|'[^']{0,1000}')"
)
_ELEMENTS_BEHIND = re.compile(rb"<((?:GCamera|hdrgm):\w{1,50}|Container:Directory)[\s>]")


def is_sound(xmp: bytes) -> bool:
    """Whether it is a packet that properties can be added to."""
    return _CLOSING in xmp and b"<rdf:RDF" in xmp and b"\0" not in xmp


def orientation(xmp: bytes | None) -> int | None:
    """EXIF orientation as the packet states it, 1 to 8, or None."""
    found = None if xmp is None else _ORIENTATION.search(xmp)
    return int(found[2]) if found and found[2] in b"12345678" else None


def turned(xmp: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """The packet with the regions of faces and things turned with the picture.

    Args:
        xmp: a packet.
        orientation: of the stored picture, 2 to 8.
        size: width and height of the stored picture. Regions that refer to the size of the upright
            one are upright already.
    """
    stated = next((_values(xmp[part], b"stDim", b"wh") for part in _elements(xmp, _APPLIED)), None)
    if size[0] != size[1] and orientation >= 5 and stated == [float(size[1]), float(size[0])]:
        return xmp

    def turned_area(area: bytes) -> bytes:
        where = _values(area, b"stArea", b"xy")
        if where is None:
            return area
        x, y = place(where[0], where[1], orientation)
        area = _stated(area, b"stArea", {b"x": x, b"y": y})
        return _swapped(area, b"stArea") if orientation >= 5 else area

    xmp = _replaced(xmp, _AREA, turned_area)
    if orientation >= 5:
        xmp = _replaced(xmp, _APPLIED, lambda element: _swapped(element, b"stDim"))
    return _RECTANGLE.sub(lambda found: _turned_rectangle(found, orientation), xmp)


def _turned_rectangle(found: re.Match[bytes], orientation: int) -> bytes:
    try:
        left, top, width, height = (float(number) for number in found.groups()[1:])
    except ValueError:
        return found[0]
    across, down = place(left + width / 2, top + height / 2, orientation)
    if orientation >= 5:
        width, height = height, width
    numbers = (across - width / 2, down - height / 2, width, height)
    return found[1] + ", ".join(f"{number:.9g}" for number in numbers).encode()


def _elements(xmp: bytes, name: bytes, *, empty: bool = True) -> Iterator[slice]:
    """Where the elements of a name lie, without nested ones.

    Each byte is searched once for each kind of end, whatever is nested or left open: a malicious
    packet cannot make the search slow.

    Args:
        xmp: the packet.
        name: with its prefix.
        empty: whether `/>` ends one too: its own, or that of the only element in it.
    """
    opening, ends = b"<" + name, {b"</" + name + b">": -1}
    if empty:
        ends[b"/>"] = -1
    at = xmp.find(opening)
    while at >= 0:
        behind = at + len(opening)
        for end, where in ends.items():
            if where < behind:
                found = xmp.find(end, behind)
                ends[end] = len(xmp) if found < 0 else found
        end = min(ends, key=lambda end: ends[end])
        if ends[end] == len(xmp):
            return  # none of the rest is closed
        if not xmp[behind : behind + 1].isalnum():  # else the name is a longer one
            behind = ends[end] + len(end)
            yield slice(at, behind)
        at = xmp.find(opening, behind)


def _replaced(
    xmp: bytes, name: bytes, change: Callable[[bytes], bytes], *, empty: bool = True
) -> bytes:
    """The packet with each of these elements changed."""
    parts, done = [], 0
    for part in _elements(xmp, name, empty=empty):
        parts += [xmp[done : part.start], change(xmp[part])]
        done = part.stop
    return b"".join((*parts, xmp[done:]))


def _pattern(prefix: bytes, key: int) -> re.Pattern[bytes]:
    name = prefix + b":" + bytes((key,))
    return re.compile(_VALUE % (name, name))


def _values(element: bytes, prefix: bytes, keys: bytes) -> list[float] | None:
    """The numbers of some of its attributes or elements; None unless all are present."""
    found = [_pattern(prefix, key).search(element) for key in keys]
    try:
        return [float(match[2]) for match in found if match is not None] if all(found) else None
    except ValueError:
        return None


def _stated(element: bytes, prefix: bytes, values: dict[bytes, float]) -> bytes:
    """The element with these values replaced, where it has them."""
    for key, value in values.items():
        said = rb"\g<1>" + f"{value:.9g}".encode()
        element = _pattern(prefix, key[0]).sub(said, element)
    return element


def _swapped(element: bytes, prefix: bytes) -> bytes:
    """The element with its width and height swapped."""
    sizes = _values(element, prefix, b"wh")
    if sizes is None:
        return element
    return _stated(element, prefix, {b"w": sizes[1], b"h": sizes[0]})


def renewed(xmp: bytes | None, *, mark: str | None, room: int | None = None) -> bytes | None:
    """XMP for the coloured photo: upright, no gray thumbnail, and the mark.

    Args:
        xmp: a sound packet, or None.
        mark: what predicted the colours, or None for no mark.
        room: bytes that the file has for it, or None for no limit. A packet that is too large loses
            its padding, then the mark; if still too large, the file's `embed` drops it.

    Returns:
        A packet; None if there was none and there is no mark. A digital source type that the
        packet states already stays.
    """
    if xmp is None:
        return None if mark is None else _marked(_EMPTY, mark)
    xmp = _ORIENTATION.sub(rb"\g<1>1", xmp)
    for stated, value in _OF_GRAY:
        xmp = stated.sub(rb"\g<1>" + value, xmp)
    xmp = _BEHIND.sub(b"", xmp)
    for name in {found[1] for found in _ELEMENTS_BEHIND.finditer(xmp)} | {b"xmp:Thumbnails"}:
        xmp = _replaced(xmp, name, lambda _: b"", empty=False)
    for packet in (xmp, _PADDING.sub(b"\n", xmp)):
        marked = packet if mark is None else _marked(packet, mark)
        if room is None or len(marked) <= room:
            return marked
    return packet


def says_predicted(xmp: bytes | None) -> bool:
    """Whether a packet, or None, has the mark."""
    return xmp is not None and _MARK in xmp


def _marked(packet: bytes, mark: str) -> bytes:
    # A namespace is a name, not an address: nobody can ever own a `.invalid` domain.
    names = 'xmlns:colorize="https://colorize.invalid/ns/1/"'
    said = f'colorize:{_MARK.decode()}="{escape(mark)}"'
    if _MARK in packet:
        return packet
    if b"DigitalSourceType" not in packet:
        names += ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        said += f' Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"'
    added = f'<rdf:Description rdf:about="" {names} {said}/>'.encode()
    before, closing, after = packet.rpartition(_CLOSING)
    return before + added + closing + after
