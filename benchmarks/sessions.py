"""Creating a model's sessions with and without the cache of optimised graphs.

`python benchmarks/sessions.py [MODEL]`. One process; the files are in the system's page cache, as
on a machine where the command has just been used.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable

from alternating import alternate, report

from colorcli.model.sessions import Model
from colorcli.model.spec import DEFAULT_MODEL, ModelSpec, find_model


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    spec = ModelSpec.read(find_model(arguments.model))
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("fp32", "int8") if spec.precisions else ("fp32",):

            def load(cache: str, precision: str = precision) -> Callable[[], object]:
                def work() -> object:
                    os.environ["COLORIZE_CACHE"] = cache
                    return Model.load(arguments.model, device="cpu", precision=precision)

                return work

            ways = {"without cache": load("off"), "with cache": load(folder)}
            seconds = alternate(ways, rounds=arguments.rounds)
            report(f"sessions of {spec.name}, {precision}", seconds, "without cache")


if __name__ == "__main__":
    main()
