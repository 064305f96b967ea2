"""How a command ends: errors as one line, a tip and an exit status; never a bare traceback."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from colorcli.cli import messages
from colorcli.errors import ColorizeError
from colorcli.extras import pip_install

INTERRUPTED = 130

# Packages that a whole command needs; others are checked where they are used.
_EXTRAS = {
    "matplotlib": "train",
    "onnx": "train",
    "onnxscript": "train",
    "torch": "train",
}

# Servers and slim containers lack libraries that OpenCV's windows need, though we open none.
_LIBRARIES_OF = {
    "cv2": "apt install libgl1 libglib2.0-0, or: pip install opencv-python-headless",
}


def run_command_line(arguments: Sequence[str] | None) -> int:
    """Runs the command line, and turns exceptions into messages and an exit status."""
    try:
        from colorcli.cli.group import command_line

        # Outside standalone mode typer raises errors, and returns the status of `typer.Exit`.
        result: Any = command_line().main(
            args=arguments if arguments is None else list(arguments),
            prog_name="colorize",
            standalone_mode=False,
        )
        _flush_output()
    except ColorizeError as error:
        if messages.is_debugging():
            traceback.print_exc()
        messages.error(str(error), error.tip)
        return error.exit_status
    except KeyboardInterrupt:
        messages.say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return 1
    except SystemExit as ending:  # typer's, after shell completion or a broken pipe
        return ending.code if isinstance(ending.code, int) else 1
    except Exception as error:
        return _end_with(error, arguments)
    return result if isinstance(result, int) else 0


def _end_with(error: Exception, arguments: Sequence[str] | None) -> int:
    # Typer's own errors (in older versions: click's) can format their own message.
    if hasattr(error, "format_message"):
        message = " ".join(str(error.format_message()).split())
        if message:  # empty if help was shown instead
            messages.error(_in_our_case(message), _tip_for(error, arguments))
        return int(getattr(error, "exit_code", 2))
    if type(error).__name__ == "Abort" or was_interrupted(error):
        messages.say("interrupted")
        return INTERRUPTED
    if wants_traces(arguments):
        traceback.print_exc()
    if isinstance(error, FileNotFoundError) and not _has_working_folder():
        messages.error("the working folder is gone", "cd to one that exists")
        return 1
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    if extra := _EXTRAS.get(missing.partition(".")[0]):
        messages.error(
            f"this command needs {missing}, which is not installed",
            pip_install(extra),
        )
        return 2
    if isinstance(error, ImportError) and (lacking := lacking_library(error)):
        messages.error(*lacking)
        return 1
    messages.error(
        " ".join(f"unforeseen {type(error).__name__}: {error}".split()),
        "COLORIZE_DEBUG=1 shows the traceback; please report it",
    )
    return 1


def lacking_library(error: ImportError) -> tuple[str, str] | None:
    """The system library that an import lacked, and how to install it; None: another fault."""
    library = re.match(r"(\S+): cannot open shared object file", str(error))
    if library is None:
        return None
    return (
        f"the system lacks {library[1]}, which {error.name or 'a package'} needs",
        _LIBRARIES_OF.get(error.name or "", "install it with the system's package manager"),
    )


def was_interrupted(error: Exception) -> bool:
    """Whether an interruption made an import fail: numpy turns it into an ImportError."""
    cause: BaseException | None = error if isinstance(error, ImportError) else None
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _in_our_case(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _tip_for(error: Exception, arguments: Sequence[str] | None) -> str:
    for word in sys.argv[1:] if arguments is None else arguments:
        if word.startswith("-") and len(word) > 1 and os.path.lexists(word):
            return f"for the file, write ./{word}"
    return f"{_command_of(error)} --help shows how"


def _command_of(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return "colorize" if context is None else str(context.command_path).strip() or "colorize"


def wants_traces(arguments: Sequence[str] | None = None) -> bool:
    """Whether to show tracebacks: `COLORIZE_DEBUG` is set, or `--verbose` or `-v` given."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    return messages.is_debugging() or "--verbose" in options or "-v" in options


def _flush_output() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _forget_output() -> None:
    """The reader of our output is gone: the interpreter's last flush must not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _has_working_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return False
    return True
