"""fp32 against int8, by photo size.

`python benchmarks/precisions.py MODEL`. The model must have int8 graphs (`colorize quantize`).
Times are of the prediction alone.
"""

from __future__ import annotations

import argparse
from functools import partial

from alternating import alternate, report

from colorcli.bench.conversions import synthetic_gray
from colorcli.colorizer import Colorizer
from colorcli.model.sessions import Model
from colorcli.model.spec import ModelSpec, find_model
from colorcli.photo import Photo


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--sizes", default="224,320,512,1024,2048")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if "int8" not in ModelSpec.read(find_model(arguments.model)).precisions:
        parser.error(f"{arguments.model} has no int8 graphs: colorize quantize writes them")
    models = {
        precision: Colorizer(Model.load(arguments.model, device="cpu", precision=precision))
        for precision in ("fp32", "int8")
    }
    for side in map(int, arguments.sizes.split(",")):
        photo = Photo.from_array(synthetic_gray((side, side)))
        ways = {
            name: partial(colorizer.predict, photo, size="full")
            for name, colorizer in models.items()
        }
        report(f"{side}×{side}", alternate(ways, rounds=arguments.rounds), "fp32")


if __name__ == "__main__":
    main()
