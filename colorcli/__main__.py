"""`colorize`, and `python -m colorcli`."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the command's name; None: those of this process.

    Returns:
        The exit status: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted.
    """
    # OpenCV writes its own lines on standard error for files it cannot read; ours says it.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks is escaped, not an error.
        sys.stdout.reconfigure(errors="backslashreplace")

    try:
        from colorcli.cli.ending import run_command_line

        status = run_command_line(arguments)
    except KeyboardInterrupt:  # while the command line itself was being imported
        status = 130
    if arguments is None and (threading.active_count() > 1 or "torch" not in sys.modules):
        # Everything is written. To take the interpreter and its libraries down takes a tenth of
        # the time of a photo, and under work that was given up, still in onnxruntime or in a
        # decoder, it may crash. PyTorch alone may have processes to end.
        _flush()
        os._exit(status)
    return status


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            pass


if __name__ == "__main__":
    sys.exit(main())
