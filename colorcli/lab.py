"""sRGB ⇄ CIELAB, and the gamut clamp. The only place with the formulas.

Except `training.emulsion`, which needs two of them in PyTorch.

Colours are sRGB (IEC 61966-2-1: its curve and primaries) and CIELAB (CIE 15:2004) for the 2°
observer under D65. The matrix is scaled so that its rows add up to the white point exactly: then
R = G = B if and only if a = b = 0, without rounding.

Numbers are float32: L in [0, 100], a and b in CIELAB units (sRGB spans about -108 to 98).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from colorcli.srgb import Array, Float, decode, encode, encoded_bytes, linear_table, look_up

# CIE 15: f(t) = ∛t above δ³, the tangent below it.
DELTA = 6 / 29
_SLOPE = 1 / (3 * DELTA**2)

_XYZ_FROM_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_XYZ_FROM_RGB /= _XYZ_FROM_RGB.sum(axis=1, keepdims=True)
RGB_FROM_XYZ = np.linalg.inv(_XYZ_FROM_RGB)
LUMINANCE: tuple[float, float, float] = tuple(_XYZ_FROM_RGB[1].tolist())
"""Weights of linear R, G, B in Y; they add up to 1."""

# (f(X), f(Y), f(Z)) of (L, a, b), with the constant last.
_F_FROM_LAB = np.array(
    [[1 / 116, 1 / 500, 0, 16 / 116], [1 / 116, 0, 0, 16 / 116], [1 / 116, 0, -1 / 200, 16 / 116]],
    np.float32,
)
# (R, G, B) of (X - Y, Y, Z - Y).
_RGB_FROM_DIFFERENCES = np.array([[x, 1, z] for x, _, z in RGB_FROM_XYZ.tolist()], np.float32)

# Pixels processed at once: few enough for the intermediate planes to stay in the L2 cache.
BLOCK = 32768
# Linear light may leave [0, 1] by this much through rounding.
_ROUNDING = 2e-6
# Far outside every gamut, and far below what overflows when cubed.
_FARTHEST = 1000.0


@cache
def L_table(depth: int) -> Float:
    """L of every sRGB-encoded gray value.

    Args:
        depth: 8 or 16 bits.

    Returns:
        float32 (256,) or (65536,) in [0, 100], read-only.
    """
    Y = decode(np.linspace(0.0, 1.0, 1 << depth))
    table = (116 * _f(Y) - 16).astype(np.float32)
    table.setflags(write=False)
    return table


def L_from_gray(gray: Array) -> Float:
    """L of sRGB-encoded gray.

    Args:
        gray: uint8 or uint16 (...).

    Returns:
        float32 (...) in [0, 100].
    """
    return look_up(L_table(8 * gray.dtype.itemsize), gray)


def Y_from_L(L: Array) -> Array:
    """Relative luminance of L.

    Args:
        L: float (...) in [0, 100].

    Returns:
        (...) in [0, 1], of the same dtype.
    """
    return _inverse_f((L + 16) / 116)


def rgb_to_lab(rgb: Array) -> Float:
    """Converts sRGB to CIELAB.

    Args:
        rgb: (..., 3), uint8, uint16, or float in [0, 1] (values outside are clipped).

    Returns:
        float32 (..., 3): L in [0, 100], a and b.
    """
    matrix = _XYZ_FROM_RGB.astype(np.float32)
    source = np.ascontiguousarray(rgb).reshape(-1, 3)
    lab = np.empty(source.shape, np.float32)
    for start in range(0, len(source), BLOCK):
        linear = _linear(source[start : start + BLOCK])
        f = _f(np.maximum(_transform(linear, matrix), 0))
        out = lab[start : start + BLOCK]
        np.multiply(f[:, 1], 116, out=out[:, 0])
        out[:, 0] -= 16
        np.multiply(f[:, 0] - f[:, 1], 500, out=out[:, 1])
        np.multiply(f[:, 1] - f[:, 2], 200, out=out[:, 2])
    return lab.reshape(rgb.shape)


def gray_from_rgb(rgb: Array) -> npt.NDArray[np.uint16]:
    """The sRGB-encoded gray of equal L.

    R = G = B = v gives exactly v at 16 bits, and v · 257 from 8 bits.

    Args:
        rgb: uint8 or uint16 (..., 3).

    Returns:
        uint16 (...).
    """
    weights = np.array([LUMINANCE], np.float32)
    source = np.ascontiguousarray(rgb).reshape(-1, 3)
    gray = np.empty(len(source), np.uint16)
    for start in range(0, len(source), BLOCK):
        Y = _transform(_linear(source[start : start + BLOCK]), weights)[:, 0]
        gray[start : start + BLOCK] = gray_from_linear(Y)
    return gray.reshape(rgb.shape[:-1])


def gray_from_linear(Y: Array) -> npt.NDArray[np.uint16]:
    """The sRGB-encoded gray of a luminance.

    Args:
        Y: float (...), relative luminance; clipped to [0, 1].

    Returns:
        uint16 (...).
    """
    encoded: Array = encode(np.clip(Y, 0, 1)) * 65535
    return np.rint(encoded).astype(np.uint16)


def clamp_to_gamut(L: Array, ab: Array) -> Float:
    """Reduce chroma, at the same L and hue, until the colour is in the sRGB gamut.

    Args:
        L: (...) in [0, 100].
        ab: (..., 2).

    Returns:
        float32 (..., 2). Colours in gamut are returned unchanged.
    """
    clamped = np.array(ab, np.float32)
    colour = _within_reach(clamped.reshape(-1, 2))
    lightness = np.asarray(L, np.float32).reshape(-1)
    for start in range(0, len(colour), BLOCK):
        block = slice(start, start + BLOCK)
        outside = _outside(_linear_pixels(lightness[block], colour[block]))
        if outside.size:
            outside += start
            colour[outside] = _clamped(lightness[outside], colour[outside])
    return colour.reshape(clamped.shape)


def lab_to_rgb(
    L: Array,
    ab: Array,
    dtype: type[np.uint8] | type[np.uint16] = np.uint8,
    *,
    bgr: bool = False,
    block: int = BLOCK,
) -> Array:
    """CIELAB to sRGB integers, rounded to nearest. Colours outside the gamut lose chroma, not L.

    Working memory is about 40 bytes per pixel of a block, plus the result and the pixels that are
    out of gamut.

    Args:
        L: (H, W), clipped to [0, 100].
        ab: (H, W, 2).
        dtype: np.uint8 or np.uint16.
        bgr: order the channels B, G, R, as OpenCV's encoders need them.
        block: pixels processed at once, a multiple of 4096; the result is the same. Small blocks
            stay in the cache; parallel threads need larger ones, or mostly wait for the GIL.

    Returns:
        (H, W, 3) of `dtype`.
    """
    lightness = np.asarray(L, np.float32).reshape(-1)
    colour = _within_reach(np.ascontiguousarray(ab, np.float32).reshape(-1, 2))
    result = np.empty((len(lightness), 3), dtype)
    _fill(lightness, colour, result, block, bgr)
    return result.reshape(*L.shape, 3)


def _within_reach(ab: Float) -> Float:
    """(N, 2) of the same hues, small enough not to overflow; unchanged if it already is.

    NaN and inf end up as NaN; NumPy warns.
    """
    if not ab.size or max(ab.max(), -ab.min()) <= _FARTHEST:
        return ab
    largest = np.abs(ab).max(axis=1, keepdims=True)
    return np.asarray(ab / np.maximum(largest / _FARTHEST, 1))


def _fill(L: Float, ab: Float, result: Array, block: int, bgr: bool, clamp: bool = True) -> None:
    """`lab_to_rgb` of (N,) and (N, 2) into (N, 3)."""
    misses = []
    for start in range(0, len(result), block):
        some = slice(start, start + block)
        linear = _linear_pixels(L[some], ab[some], bgr)
        if clamp:
            misses.append(_outside(linear) + start)
        _store(linear, result[some])
    # Together: block by block, a few pixels each time would cost a hundred calls.
    if any(outside.size for outside in misses):
        where = np.concatenate(misses)
        lightness = L.take(where)
        mended = np.empty((len(where), 3), result.dtype)
        reachable = _clamped(lightness, ab.take(where, axis=0))
        _fill(lightness, reachable, mended, block, bgr, clamp=False)
        # A pixel as one item: NumPy assigns single items faster than rows of three.
        pixel = f"V{3 * result.itemsize}"
        result.view(pixel)[where] = mended.view(pixel)


def _linear_pixels(L: Float, ab: Float, bgr: bool = False) -> Float:
    """Linear R, G, B (or B, G, R), not clipped, (N, 3), of (N,) and (N, 2)."""
    lightness = np.clip(L, 0, 100)
    xyz = _inverse_f(_transform(cv2.merge([lightness[None], ab[None]])[0], _F_FROM_LAB))
    # The matrix rows add up to 1, so a channel is Y plus weighted differences of X and Z from Y.
    # Without colour, all three channels are exactly Y.
    xyz[:, 0] -= xyz[:, 1]
    xyz[:, 2] -= xyz[:, 1]
    return _transform(xyz, _RGB_FROM_DIFFERENCES[::-1] if bgr else _RGB_FROM_DIFFERENCES)


def _outside(linear: Float) -> npt.NDArray[np.intp]:
    """Indices of the pixels (N, 3) that are out of gamut."""
    if not linear.size or (linear.min() >= -_ROUNDING and linear.max() <= 1 + _ROUNDING):
        return np.empty(0, np.intp)
    inside = cv2.inRange(linear[None], (-_ROUNDING,) * 3, (1 + _ROUNDING,) * 3)
    return np.flatnonzero(np.asarray(inside) == 0)


def _clamped(L: Float, ab: Float) -> Float:
    """`clamp_to_gamut` of colours that are all outside, (N,) and (N, 2)."""
    result = np.empty_like(ab)
    for start in range(0, len(L), BLOCK):
        block = slice(start, start + BLOCK)
        fy = (np.clip(L[block], 0, 100) + 16) * np.float32(1 / 116)
        dx, dz = ab[block, 0] * np.float32(1 / 500), ab[block, 1] * np.float32(-1 / 200)
        result[block] = ab[block] * _largest_scale(fy, dx, dz)[:, None]
    return result


def _store(linear: Float, out: Array) -> None:
    """Linear light to sRGB integers, clipped; overwrites `linear`."""
    if out.dtype == np.uint16:
        linear = encode(np.clip(linear, 0, 1, out=linear))
    linear *= 65535
    linear += np.float32(0.5)
    np.clip(linear, 0, 65535, out=linear)
    steps = linear.astype(np.uint16)
    out[:] = steps if out.dtype == np.uint16 else look_up(encoded_bytes(), steps)


def _f(t: Array) -> Array:
    """CIE 15 f(t), without a branch: below δ³ it is the tangent."""
    cubic = np.maximum(t, DELTA**3)
    return np.asarray(np.cbrt(cubic) + (t - cubic) * _SLOPE)


def _inverse_f(f: Array) -> Array:
    """The inverse of CIE 15 f(t), in the dtype of `f`."""
    if not f.size or f.min() >= DELTA:
        return np.asarray(f * f * f)
    cubic = np.maximum(f, DELTA)
    result: Array = cubic * cubic
    result *= cubic
    np.subtract(f, cubic, out=cubic)
    cubic *= 3 * DELTA**2
    result += cubic
    return result


def _linear_rgb(fy: Array, dx: Array, dz: Array) -> tuple[Array, Array, Array]:
    """Linear R, G, B, not clipped, from f(Y), f(X) - f(Y) and f(Z) - f(Y)."""
    Y = _inverse_f(fy)
    X, Z = _inverse_f(fy + dx) - Y, _inverse_f(fy + dz) - Y
    r, g, b = (X * of_x + Y + Z * of_z for of_x, _, of_z in RGB_FROM_XYZ.tolist())
    return r, g, b


def _excess(r: Array, g: Array, b: Array) -> Array:
    """How far the worst channel is outside [0, 1]; negative inside."""
    over = np.maximum(r, g)
    np.maximum(over, b, out=over)
    over -= 1
    under = np.minimum(r, g)
    np.minimum(under, b, out=under)
    np.negative(under, out=under)
    return np.maximum(over, under, out=over)


def _largest_scale(fy: Array, dx: Array, dz: Array) -> Array:
    """The largest factor in [0, 1] on (dx, dz) that stays in gamut, for colours outside it.

    Regula falsi with the correction of Anderson and Björck (BIT 13, 1973), every third step a
    bisection, on the excess, which is negative at gray, positive here, and piecewise cubic. Most
    points converge in four steps and are dropped.
    """
    scale = np.zeros_like(fy)
    where = np.arange(len(fy))
    low, high = np.zeros_like(fy), np.ones_like(fy)
    Y = _inverse_f(fy)
    at_low = np.minimum(np.maximum(Y - 1, -Y), -1e-9)
    at_high = _excess(*_linear_rgb(fy, dx, dz))
    for step in range(30):
        if step % 3 == 2:
            middle = (low + high) / 2
        else:
            middle = high - at_high * (high - low) / (at_high - at_low)
        value = _excess(*_linear_rgb(fy, dx * middle, dz * middle))
        inside = value <= _ROUNDING
        scale[where] = low = np.where(inside, middle, low)
        weight = 1 - value / np.where(inside, at_low, at_high)
        weight = np.where(weight > 0, weight, 0.5)
        at_high = np.where(inside, at_high * weight, value)
        at_low = np.where(inside, np.minimum(value, -1e-9), at_low * weight)
        high = np.where(inside, high, middle)
        left = np.flatnonzero((high - low > 1e-4) & ~(inside & (value > -1e-5)))
        if not left.size:
            break
        if left.size < len(where):
            where, fy, dx, dz = where[left], fy[left], dx[left], dz[left]
            low, high, at_low, at_high = low[left], high[left], at_low[left], at_high[left]
    return scale


def _linear(rgb: Array) -> Float:
    """Linear light (N, 3) of uint8, uint16 or float (N, 3)."""
    if rgb.dtype.kind == "f":
        return decode(np.clip(rgb.astype(np.float32), 0, 1))
    return look_up(linear_table(8 * rgb.dtype.itemsize), rgb)


def _transform(rows: Array, matrix: Float) -> Float:
    """`rows @ matrix.T` for (N, 3)."""
    return np.asarray(cv2.transform(rows[None], matrix), np.float32).reshape(len(rows), -1)
