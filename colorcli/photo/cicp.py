"""Code points of a picture's tones (ITU-T H.273, table 3), as PNG and AVIF state them."""

from __future__ import annotations

from colorcli.photo.header import MalformedError

_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR = {16: "PQ", 18: "HLG"}


def gamma(transfer: int) -> float | None:
    """The exponent from stored to linear values; None where they are to be taken as sRGB.

    BT.709 and its kin (1, 6, 14, 15), as video from cameras states, are shown as sRGB by viewers.

    Raises:
        MalformedError: the tones reach beyond white, and would have to be mapped below it.
    """
    if transfer in _HDR:
        raise MalformedError(
            f"its tones are stored for HDR screens ({_HDR[transfer]}), which is not read",
            tip="export it for standard screens (SDR, sRGB)",
        )
    return _GAMMAS.get(transfer)
