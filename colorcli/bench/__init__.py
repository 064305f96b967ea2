"""The timing table: how long a conversion takes, of which size, on what.

`measure` times conversions of square photos as Table 4 of the paper does, `measure_folder` the
photos of a folder. `table` lays the figures out beside the paper's, `plot` draws them.
"""

from __future__ import annotations

from colorcli.bench.conversions import SCOPES, Cell, Figures, Scope, measure, parse_sizes
from colorcli.bench.environment import Environment
from colorcli.bench.folder import FolderFigures, measure_folder
from colorcli.bench.timing import Timing

__all__ = [
    "SCOPES",
    "Cell",
    "Environment",
    "Figures",
    "FolderFigures",
    "Scope",
    "Timing",
    "measure",
    "measure_folder",
    "parse_sizes",
]
