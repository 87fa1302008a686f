"""Running a command: the language first, errors as one line, Ctrl-C without a mess."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

import click

from geo.errors import Explained
from layers import interrupts, language
from layers.language import explain, gettext
from layers.terminal import log
from layers.terminal.wording import Entry, Group, Known, in_our_words, option

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


def _speak(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value:
        language.choose(value)


_CONTENTS = {
    "init": Entry("Begin", "Make a new site in the folder HOME.", "layers.terminal.sites:init"),
    "open": Entry(
        "Begin",
        "Serve the site in HOME; build it first if it is not there.",
        "layers.terminal.serving:open_",
    ),
    "serve": Entry("Begin", "Serve pages, maps and the HTTP interface.", "layers.terminal.serving:serve"),
    "work": Entry(
        "Begin",
        "Do what waits to be done: exports, webhooks, whatever is derived anew.",
        "layers.terminal.working:work",
    ),
    "import": Entry(
        "Bring data in",
        "Bring streets, places, findings, tracks and photos in.",
        "layers.terminal.importing:import_",
    ),
    "assign": Entry(
        "Get results out",
        "Add street block, side and probabilities to every row of a file.",
        "layers.terminal.assigning:assign",
    ),
    "maps": Entry(
        "Get results out",
        "Write the maps as files that open without server and network.",
        "map_app.command:maps",
    ),
    "account": Entry(
        "Look after the site", "Accounts, passwords and tokens.", "layers.terminal.accounts:account"
    ),
    "rules": Entry("Look after the site", "Distance rules around schools.", "layers.terminal.rules:rules"),
    "webhook": Entry(
        "Look after the site",
        "Other programs that are told of every change.",
        "layers.terminal.webhooks:webhook",
    ),
    "datum": Entry(
        "Look after the site", "Devices whose positions are shifted.", "layers.terminal.datum:datum"
    ),
    "status": Entry("Look after the site", "What the site holds.", "layers.terminal.sites:status"),
    "check": Entry(
        "Look after the site", "Check store, history, placements and photos.", "layers.terminal.sites:check"
    ),
    "backup": Entry(
        "Look after the site",
        "Keep a copy of the site in the folder DIR; the site may be in use.",
        "layers.terminal.keeping:backup",
    ),
    "restore": Entry(
        "Look after the site",
        "Make the site that was kept in DIR anew in HOME.",
        "layers.terminal.keeping:restore",
    ),
    "retain": Entry(
        "Look after the site",
        "Drop raw tracks that are older than N days; what they covered stays.",
        "layers.terminal.forgetting:retain",
    ),
    "erase": Entry(
        "Look after the site",
        "Erase what tells who an account was: name, login, devices, movements. There is no way back.",
        "layers.terminal.forgetting:erase",
    ),
    "derive": Entry(
        "Look after the site",
        "Bring up to date what is derived, after an import was cut short.",
        "layers.terminal.sites:derive",
    ),
}


@click.group(
    cls=Group,
    contents=_CONTENTS,
    help="Xuncha: where findings lie on the streets, and what lies around schools and markets.",
    epilog="xuncha init beichen\n"
    "xuncha import osm tianjin.osm.pbf --home beichen\n"
    "xuncha account add zhang --role inspector --home beichen\n"
    "xuncha serve beichen",
)
@option(
    "--lang",
    type=Known(list(language.LANGUAGES)),
    is_eager=True,
    expose_value=False,
    callback=_speak,
    help="zh or en; else as the variables LC_ALL and LANG say.",
)
def xuncha() -> None:
    """Hold all commands."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its code: 0 done, 1 failed, 2 called wrongly, 130 interrupted."""
    homes: list[Path] = []
    sys.excepthook = partial(_unforeseen, homes)
    language.choose(_spoken())
    interrupts.notice()
    sys.exit(run(arguments, homes))


def run(arguments: Sequence[str] | None = None, homes: list[Path] | None = None) -> int:
    """Run one command and return its code; `homes` is told which site it was about."""
    where = [] if homes is None else homes
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with xuncha.make_context("xuncha", given or ["--help"]) as ctx:
            ctx.call_on_close(lambda: where.append(ctx.obj) if ctx.obj else None)
            xuncha.invoke(ctx)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say(gettext("Interrupted; what is in is whole, the same command again continues"))
        return INTERRUPTED
    except click.ClickException as error:
        _say(in_our_words(error))
        return MISUSED
    except Explained as error:
        return _failed(explain(error), error, where)
    except OSError as error:
        return _failed(_of_system(error), error, where)
    return 0


def _failed(message: str, error: BaseException, homes: list[Path]) -> int:
    _say(message)
    _log(error, homes[0] if homes else None)
    return FAILED


def _say(message: str) -> None:
    click.echo(f"{gettext('Error')}: {' '.join(message.split())}", err=True)


def _of_system(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return place + (error.strerror or str(error))


def _log(error: BaseException, home: Path | None) -> None:
    """Keep the trace where whoever looks after the site finds it."""
    if home is not None and home.is_dir():
        log.keep(error, home)


def _unforeseen(
    homes: list[Path], kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Tell of a fault of the program in one line; the trace goes to the site's log, if there is a site."""
    _say(gettext("A fault of the program: %(what)s", what=f"{kind.__name__}: {error}"))
    if homes:
        _log(error, homes[0])
    else:
        sys.__excepthook__(kind, error, trace)


def _spoken() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return language.from_locale(value)
    return "en"
