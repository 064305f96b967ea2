"""XMP: the packet of the source, made to fit the coloured photo (ISO 16684-1)."""

from __future__ import annotations

import re
from html import escape

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


def is_sound(xmp: bytes) -> bool:
    """Whether it is a packet that properties can be added to."""
    return _CLOSING in xmp and b"<rdf:RDF" in xmp and b"\0" not in xmp


def orientation(xmp: bytes | None) -> int | None:
    """EXIF orientation as the packet states it, 1 to 8, or None."""
    found = None if xmp is None else _ORIENTATION.search(xmp)
    return int(found[2]) if found and found[2] in b"12345678" else None


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
