"""Read and encode photo files, with their metadata."""

from colorcli.photo.encode import encode_photo
from colorcli.photo.formats import FOREIGN, FORMATS, coloured_suffix, suffix_of
from colorcli.photo.image import Metadata, Photo
from colorcli.photo.read import Limits, read_photo, read_rgb
from colorcli.photo.render import AbRows, render

__all__ = [
    "FOREIGN",
    "FORMATS",
    "AbRows",
    "Limits",
    "Metadata",
    "Photo",
    "coloured_suffix",
    "encode_photo",
    "read_photo",
    "read_rgb",
    "render",
    "suffix_of",
]
