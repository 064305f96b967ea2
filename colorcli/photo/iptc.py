"""IPTC captions in Photoshop's image resources (IPTC-IIM 4.2, Adobe's file format notes)."""

from __future__ import annotations

import struct

PREFIX = b"Photoshop 3.0\0"
"""Prefix of the resources in a JPEG segment."""

_CAPTIONS = 0x0404


def of_resources(resources: bytes) -> bytes | None:
    """The captions among Photoshop's resources.

    Thumbnails and print settings, which belong to the gray picture, are dropped.

    Args:
        resources: without `PREFIX`.

    Returns:
        An IIM record, or None if there is none, or it is damaged.
    """
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, at + 4)
        # A Pascal string, its length byte included, is padded to even.
        at += 6 + (resources[at + 6] + 2) // 2 * 2
        if at + 4 > len(resources):
            return None
        (size,) = struct.unpack_from(">I", resources, at)
        at += 4
        if at + size > len(resources):
            return None
        if number == _CAPTIONS:
            return resources[at : at + size] or None
        at += size + size % 2
    return None


def resources(captions: bytes) -> bytes:
    """Captions as the only resource, without `PREFIX`."""
    head = struct.pack(">4sHHI", b"8BIM", _CAPTIONS, 0, len(captions))
    return head + captions + b"\0" * (len(captions) % 2)
