"""Random splits of photos into train, val and test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from colorcli.collection.items import SPLITS, Item, hashed_fraction
from colorcli.errors import UsageError


def shares_of(text: str) -> tuple[float, ...]:
    """Parse shares of train, val and, if given, test, such as "9:1" or "95/2.5/2.5".

    Returns:
        Two or three numbers above 0 that add up to 1.

    Raises:
        UsageError: it is not such a list.
    """
    try:
        parts = [float(part) for part in text.replace("/", ":").split(":")]
    except ValueError:
        parts = []
    if len(parts) not in (2, 3) or not all(0 < part < float("inf") for part in parts):
        raise UsageError(f"{text!r}: not a ratio", tip="for example 9:1 or 95/2.5/2.5")
    return tuple(part / sum(parts) for part in parts)


def draw_split(items: Sequence[Item], shares: Sequence[float], seed: int) -> dict[str, str]:
    """Split photos at random into train, val and test.

    Photos are ordered by their hashed keys (`items.hashed_fraction`), so a seed gives the same
    split on every machine. Counts are exact to rounding, but no split is empty if there is a photo
    for each.

    Args:
        items: the photos.
        shares: of train, val and, if given, test; as `shares_of` returns them.
        seed: of the order.

    Returns:
        Key → split, sorted by key.
    """
    keys = sorted((item.key for item in items), key=lambda key: (hashed_fraction(key, seed), key))
    # The smaller splits are cut first: with few photos, rounding must not leave all to train.
    order = (*SPLITS[1 : len(shares)], SPLITS[0])
    ends = np.rint(np.cumsum(shares[1:]) * len(keys)).astype(int).tolist()
    counts = [end - start for start, end in pairwise([0, *ends, len(keys)])]
    while 0 in counts and len(keys) >= len(counts):
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    drawn = [name for name, count in zip(order, counts, strict=True) for _ in range(count)]
    return dict(sorted(zip(keys, drawn, strict=True)))
