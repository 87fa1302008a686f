"""Click's commands and options with every word in the reader's language."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Never

import click
from click import Context, HelpFormatter, Parameter

from layers.language import gettext


class Option(click.Option):
    """An option whose help is translated when it is shown."""

    def get_help_record(self, ctx: Context) -> tuple[str, str] | None:
        """Return the option's names and its help."""
        record = super().get_help_record(ctx)
        return (record[0], gettext(self.help or "")) if record else None


class Known(click.Choice[str]):
    """One of some words; a wrong one is answered with all of them."""

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> str:
        """Return the word, or refuse it."""
        if value not in self.choices:
            known = ", ".join(self.choices)
            self.fail(gettext("%(given)s is none of: %(known)s", given=value, known=known), param, ctx)
        return str(value)


class Command(click.Command):
    """A command with a place in the table of contents."""

    def __init__(self, *args: Any, section: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the command's line in the table of contents."""
        return gettext(self.help or "").split("\n")[0]

    def format_usage(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write how the command is called."""
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, pieces, prefix=gettext("Usage") + ": ")

    def format_help_text(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write what the command does."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(gettext(self.help or ""))

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the options."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [param.get_help_record(ctx) for param in options]
        shown = [record for record in records if record is not None]
        if shown:
            with formatter.section(gettext("Options")):
                formatter.write_dl(shown)

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the examples, a line each."""
        if self.epilog:
            with formatter.section(gettext("Examples")):
                for line in self.epilog.splitlines():
                    formatter.write(f"  {line}\n")

    def get_help_option(self, ctx: Context) -> click.Option | None:
        """Return the option that shows the help."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = gettext("Show this help.")
        return option


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table of contents; its command is imported when it is asked for."""

    section: str
    help: str
    place: str


class Group(Command, click.Group):
    """Commands under sections, in the order in which they were added."""

    command_class = Command

    def __init__(self, *args: Any, contents: Mapping[str, Entry] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.contents = dict(contents or {})

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return [*self.contents, *self.commands]

    def get_command(self, ctx: Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if need be."""
        entry = self.contents.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = entry.place.partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the table of contents, then the options."""
        lines = self._lines()
        for section in dict.fromkeys(section for section, _, _ in lines):
            with formatter.section(gettext(section or "Commands")):
                formatter.write_dl([(name, text) for own, name, text in lines if own == section])
        super().format_options(ctx, formatter)

    def _lines(self) -> list[tuple[str, str, str]]:
        """Return section, name and one line of help of every command."""
        entries = [(entry.section, name, gettext(entry.help)) for name, entry in self.contents.items()]
        return entries + [
            (getattr(command, "section", ""), name, command.get_short_help_str())
            for name, command in self.commands.items()
        ]

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return what stands after the group's name."""
        return [*click.Command.collect_usage_pieces(self, ctx), self.subcommand_metavar]


def option(*names: str, help: str, **more: Any) -> Callable[[Any], Any]:  # noqa: A002
    """Add an option; `help` is a message to be translated."""
    return click.option(*names, cls=Option, help=help, **more)


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return one decorator that adds several options, in their order."""

    def add(function: Any) -> Any:
        for one in reversed(options):
            function = one(function)
        return function

    return add


def pairs(values: Sequence[str], name: str) -> dict[str, str]:
    """Return `NAME=VALUE` words as a mapping.

    >>> pairs(["code=0110", "note="], "--set")
    {'code': '0110', 'note': ''}
    """
    found = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not equals or not key:
            refuse(gettext("%(option)s wants NAME=VALUE; this is %(given)s", option=name, given=value))
        found[key.strip()] = content
    return found


def refuse(message: str) -> Never:
    """Refuse how the command was called."""
    raise click.UsageError(message)


def in_our_words(error: click.ClickException) -> str:
    """Return what is wrong with how a command was called, in the language in use."""
    if isinstance(error, click.NoSuchOption):
        return gettext("There is no option %(given)s", given=error.option_name)
    if isinstance(error, click.exceptions.NoSuchCommand):
        return gettext("There is no command %(given)s", given=error.command_name)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return gettext("%(name)s is missing", name=_name(error.param, error.ctx))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param, error.ctx)}: {error.message}"
    return error.format_message()


def _name(param: Parameter, ctx: Context | None) -> str:
    return param.opts[-1] if isinstance(param, click.Option) else param.make_metavar(ctx or _anywhere())


def _anywhere() -> Context:
    return Context(click.Command(None))
