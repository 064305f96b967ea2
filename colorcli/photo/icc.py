"""ICC profiles of curves and primaries, exactly (ICC.1:2022), and one of sRGB to write.

`managed` handles profiles of look-up tables, and those of CMYK.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
import numpy.typing as npt

from colorcli import lab
from colorcli.photo.header import MalformedError
from colorcli.photo.response import Curve, Response

Doubles = npt.NDArray[np.float64]

# Bradford's cone responses and white points, with which profiles adapt D65 to D50.
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50, _D65 = np.array([0.9642, 1.0, 0.8249]), np.array([0.95047, 1.0, 1.08883])
_D50_FROM_D65 = (
    np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ _D65)) @ _BRADFORD
)
_SRGB = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_MAX_TABLE = 65536


def space(profile: bytes) -> str:
    """The colour space of the pixels: "GRAY", "RGB", "CMYK" or another.

    Raises:
        MalformedError: it is not a profile.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise MalformedError("it is not an ICC profile")
    return profile[16:20].decode("ascii", "replace").strip()


def response(profile: bytes, *, tables: bool = False) -> Response | None:
    """The response that a profile of curves and primaries defines.

    Args:
        profile: an ICC profile.
        tables: look-up tables can be used, and are preferred in a profile that has both.

    Returns:
        The response, or None if the profile is of another kind: look-up tables or CMYK.

    Raises:
        MalformedError: it is not a profile, or is damaged.
    """
    kind = space(profile)
    try:
        tags = _tags(profile)
        if tables and b"A2B0" in tags:
            return None
        if kind == "GRAY" and b"kTRC" in tags:
            curve = _curve(tags[b"kTRC"])
            return Response((_of_lightness(curve) if profile[20:24] == b"Lab " else curve,), (1.0,))
        names = (b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ")
        if kind == "RGB" and all(name in tags for name in names):
            return _of_primaries([tags[name] for name in names])
    except struct.error:
        raise MalformedError("the ICC profile is cut off") from None
    return None


@cache
def srgb() -> bytes:
    """An sRGB profile of version 4: 500 bytes of our own, free of copyright."""
    curve = b"para" + struct.pack(
        ">4xHH5i", 3, 0, *_fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    )
    primaries = (_D50_FROM_D65 @ _SRGB).T
    tags = {
        b"desc": _text("sRGB"),
        b"cprt": _text("Public domain"),
        b"wtpt": _xyz(_D50),
        b"chad": b"sf32" + struct.pack(">4x9i", *_fixed(*_D50_FROM_D65.ravel())),
        **{name: _xyz(p) for name, p in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)},
        b"rTRC": curve,
    }
    at = 128 + 4 + 12 * (len(tags) + 2)
    table, body = [], b""
    for name, value in tags.items():
        table.append((name, at + len(body), len(value)))
        body += value + b"\0" * (-len(value) % 4)
    table += [(name, *table[-1][1:]) for name in (b"gTRC", b"bTRC")]
    index = b"".join(struct.pack(">4sII", *entry) for entry in table)
    head = struct.pack(
        ">I4sI4s4s4s6H4s4sI4s4sQI3i4s16x28x",
        at + len(body), b"\0\0\0\0", 0x04400000, b"mntr", b"RGB ", b"XYZ ",
        2025, 1, 1, 0, 0, 0, b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0", b"\0\0\0\0", 0, 0,
        *_fixed(*_D50), b"\0\0\0\0",
    )  # fmt: skip
    return head + struct.pack(">I", len(table)) + index + body


def _tags(profile: bytes) -> dict[bytes, memoryview]:
    # Views: copies of overlapping tags could add up to many times the profile.
    (count,) = struct.unpack_from(">I", profile, 128)
    tags, view = {}, memoryview(profile)
    for number in range(min(count, 256)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if offset + size > len(profile):
            raise MalformedError("the ICC profile is cut off")
        tags[name] = view[offset : offset + size]
    return tags


def _curve(tag: memoryview) -> Curve:
    """A curveType or parametricCurveType (10.6 and 10.18)."""
    if bytes(tag[:4]) == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        if kind > 4:
            raise MalformedError("the ICC profile has an unknown curve")
        count = (1, 3, 4, 5, 7)[kind]
        return _parametric(
            kind, [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
        )
    if bytes(tag[:4]) != b"curv":
        raise MalformedError("the ICC profile has an unknown curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count > _MAX_TABLE:
        raise MalformedError("the ICC profile has too long a curve")
    values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64)
    if count == 0:
        return lambda stored: stored
    if count == 1:
        return _parametric(0, [values[0] / 256])
    knots = np.linspace(0.0, 1.0, count)
    return lambda stored: np.interp(stored, knots, values / 65535)


def _parametric(kind: int, parameters: list[float]) -> Curve:
    """y = (a·x + b)^g + e if x ≥ d, else c·x + f; the kind decides which parameters apply."""
    g, a, b, c, d, e, f = (*parameters, *(0.0,) * (7 - len(parameters)))
    if kind == 0:
        a = 1.0
    elif kind in (1, 2):
        e = f = c if kind == 2 else 0.0
        c, d = 0.0, (-b / a if a else 0.0)

    def curve(stored: Doubles) -> Doubles:
        with np.errstate(over="ignore", invalid="ignore"):
            bent = np.power(np.maximum(a * stored + b, 0), g) + e
        return np.asarray(np.clip(np.nan_to_num(np.where(stored >= d, bent, c * stored + f)), 0, 1))

    return curve


def _of_lightness(curve: Curve) -> Curve:
    """Turn a curve to lightness into one to luminance."""
    return lambda stored: lab.Y_from_L(100 * curve(stored))


def _of_primaries(tags: list[memoryview]) -> Response:
    curves = tuple(_curve(tag) for tag in tags[:3])
    columns = [np.array(struct.unpack_from(">3i", tag, 8), np.float64) / 65536 for tag in tags[3:]]
    # L is that of the colour under D65, as in lab's formulas.
    Y = (np.linalg.inv(_D50_FROM_D65) @ np.array(columns).T)[1]
    if abs(Y.sum() - 1) > 0.05:
        raise MalformedError("the ICC profile has no white")
    return Response(curves, tuple((Y / Y.sum()).tolist()))


def _fixed(*values: float) -> tuple[int, ...]:
    return tuple(round(value * 65536) for value in values)


def _xyz(value: Doubles) -> bytes:
    return b"XYZ " + struct.pack(">4x3i", *_fixed(*value))


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xII2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded
