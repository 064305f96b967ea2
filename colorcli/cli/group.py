"""`colorize` itself: the main job if no command is named, and the commands of `COMMANDS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from colorcli.cli import COMMANDS
from colorcli.cli.plain import read_plainly
from colorcli.errors import UsageError

if TYPE_CHECKING:
    # Typer bundles its own click since about 0.20; before, it used the installed one.
    Context = Any
    Command = Any

# Cannot be typed as a command: an empty argument goes to the main job, which refuses it.
_MAIN_JOB = ""


class _PlainFlags:
    """For a command or group whose help does not call the value of a flag `<bool>`."""

    def get_params(self, ctx: Context) -> list[Any]:
        """As of a click command."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False):
                param.metavar = ""
        return params


class _Group(_PlainFlags, TyperGroup):
    """A group of commands."""


class MainGroup(TyperGroup):
    """Runs commands by name; any other arguments are photos for the main job."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Puts the main job's name before arguments that start with no command or own option."""
        params = self.get_params(ctx)
        read_plainly(params)
        own = {name for param in params for name in param.opts}
        if args and args[0] not in COMMANDS and args[0].partition("=")[0] not in own:
            _refuse_late_command(args)
            args = [_MAIN_JOB, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Context) -> Any:
        """Makes Ctrl-C an `Abort` whatever the version of typer: newer ones exit without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """Imports this command only."""
        if cmd_name == _MAIN_JOB:
            return load_command("colorize", cls=_MainJob)
        return load_command(cmd_name) if cmd_name in COMMANDS else None

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def format_help(self, ctx: Context, formatter: Any) -> None:
        """The main job with its options, then the commands, which are not imported."""
        job = load_command("colorize")
        page = _Group(
            name="colorize",
            help=job.help,
            params=[*job.params, *self.params],
            commands={name: TyperCommand(name, help=line) for name, line in COMMANDS.items()},
            subcommand_metavar="| COMMAND ...",
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        page.format_help(ctx, formatter)

    def shell_complete(self, ctx: Context, incomplete: str) -> list[Any]:
        """Completes the first word: a command or an option of the main job (not files)."""
        items = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            job = load_command("colorize")
            with job.make_context(_MAIN_JOB, [], parent=ctx, resilient_parsing=True) as job_ctx:
                items.extend(job.shell_complete(job_ctx, incomplete))
        return list({item.value: item for item in items}.values())


class _PlainCommand(_PlainFlags, TyperCommand):
    """A command that starts faster."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parses options of plain types without pydantic."""
        read_plainly(self.get_params(ctx))
        rest: list[str] = super().parse_args(ctx, args)
        return rest


class _MainJob(_PlainCommand):
    """`colorize photo.jpg --help` shows the same page as `colorize --help`."""

    def format_help(self, ctx: Context, formatter: Any) -> None:
        ctx.parent.command.format_help(ctx.parent, formatter)


def load_command(name: str, cls: type[TyperCommand] = _PlainCommand) -> Any:
    """The command of `colorcli/cli/commands/NAME.py`."""
    function = getattr(import_module(f"colorcli.cli.commands.{name}"), name)
    if isinstance(function, typer.Typer):
        app = function
        app.info.cls = _Group
        for command_info in app.registered_commands:
            command_info.cls = cls
    else:
        app = typer.Typer(
            add_completion=False, context_settings={"help_option_names": ["-h", "--help"]}
        )
        app.command(name, cls=cls)(function)
    command: Any = typer.main.get_command(app)
    command.name = name
    for one in (command, *getattr(command, "commands", {}).values()):
        one.help = _reflowed(one.help or "")
    return command


def _reflowed(text: str) -> str:
    """A docstring with each paragraph on one line: rich joins lines only in the first one."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _refuse_late_command(args: list[str]) -> None:
    """After options, a command's name would be read as a photo or folder.

    Raises:
        UsageError: the first word that is not an option is the name of a command.
    """
    if COMMANDS.keys().isdisjoint(args):
        return
    takes_value = {
        name
        for param in load_command("colorize").params
        if not getattr(param, "is_flag", False)
        for name in param.opts
    }
    words = iter(args)
    for word in words:
        if word == "--" or word == "-" or not word.startswith("-"):
            if word in COMMANDS:
                raise UsageError(
                    f"{word}: a command comes before its options",
                    tip=f"colorize {word} …, or ./{word} for a photo or folder of that name",
                )
            return
        if word in takes_value or _ends_in(word, takes_value):
            next(words, None)


def _ends_in(word: str, takes_value: set[str]) -> bool:
    """Whether combined short options (`-qo`) end in one whose value is the next word."""
    letters = [f"-{letter}" for letter in word[1:]] if word[1:2] != "-" else []
    first = next((at for at, letter in enumerate(letters) if letter in takes_value), None)
    return first is not None and first == len(letters) - 1


def _print_version(wanted: bool) -> None:
    if wanted:
        from colorcli import __version__

        print(f"colorize {__version__}")
        raise typer.Exit


def command_line() -> Any:
    """The whole command line, as a click command."""
    app = typer.Typer(
        cls=MainGroup,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        ctx: typer.Context,
        version: bool = typer.Option(  # noqa: ARG001
            False, "--version", callback=_print_version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        """Colours black-and-white photos."""
        if ctx.invoked_subcommand is None:
            print(ctx.get_help())
            raise typer.Exit(2)

    return typer.main.get_command(app)
