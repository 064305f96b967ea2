"""What can go wrong, in words a user can act on.

ColorizeError                 one line for stderr, and a tip with the next step
├── UsageError                the command was asked for something impossible     exit status 2
├── PhotoError                a photo cannot be read, coloured or written        exit status 1
│   └── ExistsError           a file is there already, and stays as it is
├── ModelError                a model folder is missing, broken or too new       exit status 1
└── DeviceError               the device asked for cannot be used                exit status 1

Library modules raise these and print nothing; `colorcli.cli` turns them into one line each.
"""

from __future__ import annotations

import re


class ColorizeError(Exception):
    """A known error. `str(error)` is one line naming the file and the fault.

    Args:
        message: what is wrong, one line, naming the file.
        tip: the next step that mends it, one line, or None.
    """

    exit_status = 1

    def __init__(self, message: str, *, tip: str | None = None) -> None:
        # Of white space only line breaks: names may hold two spaces, or a Japanese one.
        super().__init__(re.sub(r"\s*[\r\n]+\s*", " ", message).strip())
        self.tip = tip


class UsageError(ColorizeError):
    """The command line asks for something that cannot be done; no work was begun."""

    exit_status = 2


class PhotoError(ColorizeError):
    """A photo cannot be read, coloured or written. Other photos of a batch go on."""


class ExistsError(PhotoError):
    """A file that would be written is there already, and was not to be replaced."""


class ModelError(ColorizeError):
    """A model folder is missing, broken, or of a newer format."""


class DeviceError(ColorizeError):
    """The device asked for by name cannot be used."""
