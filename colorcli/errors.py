"""Known errors, in words a user can act on.

ColorizeError                 one line for stderr, and a tip with the next step
├── UsageError                the command line asks for something impossible     exit status 2
├── PhotoError                a photo cannot be read, coloured or written        exit status 1
│   └── ExistsError           a file exists already, and is kept
├── ModelError                a model folder is missing, broken or too new       exit status 1
└── DeviceError               the device asked for cannot be used                exit status 1

Library modules raise these and print nothing; `colorcli.cli` prints each as one line.
"""

from __future__ import annotations

import re


class ColorizeError(Exception):
    """A known error. `str(error)` is one line naming the file and the fault.

    Args:
        message: what is wrong, one line, naming the file.
        tip: the next step towards a fix, one line, or None.
    """

    exit_status = 1

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        # Only line breaks are replaced: names may hold two spaces, or an ideographic one.
        super().__init__(re.sub(r"\s*[\r\n]+\s*", " ", message).strip())
        self.tip = tip


class UsageError(ColorizeError):
    """The command line asks for something that cannot be done; no work was started."""

    exit_status = 2


class PhotoError(ColorizeError):
    """A photo cannot be read, coloured or written. Other photos of a batch continue."""


class ExistsError(PhotoError):
    """The file to write exists already, and replacing it was not asked for."""


class ModelError(ColorizeError):
    """A model folder is missing, broken, or of a newer format."""


class DeviceError(ColorizeError):
    """The device asked for by name cannot be used."""
