"""Transfer characteristics by code point (ITU-T H.273, table 3), as PNG and AVIF state them."""

from __future__ import annotations

from colorcli.photo.header import MalformedError

_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}


def gamma(transfer: int) -> float | None:
    """The exponent from stored to linear values; None if they count as sRGB.

    Viewers show BT.709 and its relatives (1, 6, 14, 15), which cameras state for video, as sRGB.

    Raises:
        MalformedError: it is a transfer function for HDR, which would need tone mapping.
    """
    if transfer in _HDR:
        raise MalformedError(
            f"its tones are stored for HDR screens ({_HDR[transfer]}), which is not supported",
            tip="export it for standard screens (SDR, sRGB)",
        )
    return _GAMMAS.get(transfer)
