"""The timing table: seconds per conversion by photo size and device.

`measure` times conversions of synthetic photos as in Table 4 of the paper, `measure_folder` the
photos of a folder. `table` prints the figures beside the paper's, `plot` draws them.
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
