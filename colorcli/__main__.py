"""`colorize`, and `python -m colorcli`."""

from __future__ import annotations

import atexit
import codecs
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

from colorcli.errors import ColorizeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the command's name; None: those of this process.

    Returns:
        The exit status: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted. Without
        `arguments` the process usually ends here, with that status.
    """
    if arguments is None:
        _open_descriptors()
    # OpenCV prints its own errors for files it cannot read; our messages suffice.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # Numpy's threads start with a busy wait: a fifth of the CPU time of a photo. No matrix here is
    # large enough for two threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    try:
        from colorcli.cli.ending import run_command_line
        from colorcli.cli.streams import spell

        codecs.register_error("spell", spell)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="spell")
        if arguments is None:
            _guard_streams()
            _heed_termination()

        status = run_command_line(arguments)
    except KeyboardInterrupt:  # while the command line itself was being imported
        status = 130
    # Shutting down the interpreter and its libraries costs a tenth of the time of a photo. While
    # abandoned work is still in onnxruntime or a decoder, it may hang or crash.
    given_up = threading.active_count() > 1
    if arguments is None and (given_up or "torch" not in sys.modules):
        if not given_up:
            atexit._run_exitfuncs()
        _flush()
        os._exit(status)
    return status


def _open_descriptors() -> None:
    """Open closed standard streams on the null device.

    Otherwise the next file opened, such as a photo, would get their number, and libraries' output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def _guard_streams() -> None:
    from colorcli.cli.streams import Guarded, lost, unheard

    stdout, stderr = sys.stdout, sys.stderr
    if stdout is not None:
        sys.stdout = Guarded(stdout, lost)
    if stderr is not None:
        sys.stderr = Guarded(stderr, unheard)


def _heed_termination() -> None:
    """Make SIGTERM and SIGHUP end like an error: scratch folders are cleared, threads joined."""
    from colorcli.interruption import ENDINGS

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in ENDINGS:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError, ColorizeError):  # full, gone or closed
            pass


if __name__ == "__main__":
    sys.exit(main())
