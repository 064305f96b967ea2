"""The effect of the guided filter (`guided`), which makes colours follow the edges of L.

    python benchmarks/edges.py PHOTOS [--split val-large] [--limit 0] [--model lifelike]
                               [--radii 0,2,4,8] [--epsilons 1,10,100]

PHOTOS as for `colorize evaluate`. A radius of 0 is interpolation alone. Prints the scores of
`evaluate` above those of gray, CIEDE2000, and chroma and colorfulness as ratios to the originals:
a filter that only made everything paler would gain PSNR too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from colorcli import guided
from colorcli.collection.items import open_collection, spread
from colorcli.colorizer import Colorizer
from colorcli.evaluation.evaluate import GRAY, evaluate
from colorcli.model.spec import DEFAULT_MODEL


def settings(radii: list[int], epsilons: list[float]) -> Iterator[tuple[int, float]]:
    """Each radius with each epsilon; radius 0, which does not use epsilon, once."""
    for radius in radii:
        for epsilon in epsilons if radius else epsilons[:1]:
            yield radius, epsilon


def main() -> None:
    """Print a row per setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--radii", default=f"0,2,{guided.RADIUS},8")
    parser.add_argument("--epsilons", default=f"1,{guided.EPSILON:g},100")
    given = parser.parse_args()
    items = spread(open_collection(given.photos, split=given.split), given.limit or None)
    colorizer = Colorizer.load(given.model)
    radii = [int(word) for word in given.radii.split(",")]
    epsilons = [float(word) for word in given.epsilons.split(",")]
    print("radius epsilon    PSNR     AuC  rebalanced    ΔE2000  colorfulness  chroma")
    for guided.RADIUS, guided.EPSILON in settings(radii, epsilons):
        report = evaluate(colorizer.predict_L, items)
        ours, gray = report.scores["model"], report.scores[GRAY]
        print(
            f"{guided.RADIUS:6} {guided.EPSILON:7g} {ours.psnr - gray.psnr:+7.2f} "
            f"{ours.auc - gray.auc:+7.2f} "
            f"{ours.auc_rebalanced_unsmoothed - gray.auc_rebalanced_unsmoothed:+11.2f} "
            f"{ours.ciede2000:9.2f} {ours.colorfulness / report.colorfulness:13.3f} "
            f"{ours.chroma / report.chroma:7.3f}"
        )


if __name__ == "__main__":
    main()
