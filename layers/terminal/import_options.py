"""The options that the imports share: how a file is read, whether it is written, what is told of it."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from layers.errors import InvalidError, NotFoundError
from layers.importing import refusals
from layers.importing.options import COORDINATE_ORDERS, FRAMES, ImportOptions
from layers.importing.runs import Done
from layers.terminal import place, telling
from layers.terminal.wording import Known, option, pairs, together

PATH = click.Path(path_type=Path)
files_argument = click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILES")
reading = together(
    option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Which column holds a field."),
    option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value."),
    option("--encoding", help="Of texts, for example gb18030; UTF-8 unless you say."),
    option("--crs", help="Reference system of the coordinates, for example EPSG:4548."),
    option("--frame", type=Known(FRAMES), help="Frame of longitudes and latitudes: wgs84, gcj02 or bd09."),
    option(
        "--coordinate-order",
        type=Known(COORDINATE_ORDERS),
        help="Which coordinate comes first in a column of both: lonlat or latlon.",
    ),
    option(
        "--header-row",
        type=click.IntRange(min=1),
        metavar="ROW",
        help="Row of a table that holds its headings, from 1; found unless you say.",
    ),
    option("--layer", help="Which layer of a file that holds several."),
    option(
        "--map-values", multiple=True, metavar="FIELD=FILE|A:B;…", help="What the values of a column mean."
    ),
)
date_format = option(
    "--date-format",
    help="Of dates that are not year first: dmy, mdy, ymd, or as in strftime.",
)
writing = together(
    option("--dry-run", is_flag=True, help="Read and check every row, write nothing."),
    option("--refused", type=PATH, help="Where refused rows go; FILE.refused.csv unless you say."),
    place.home_option,
)


def chosen(
    given: Mapping[str, Any], constants: Mapping[str, str | None] | None = None, **more: Any
) -> ImportOptions:
    """Return how a file is to be read, as the options of a command say."""
    keys = tuple(key for key in given.get("key", ()) if key != "none")
    said = {
        name: given[name] for name in ("encoding", "crs", "frame", "layer", "header_row", "coordinate_order")
    }
    own = {name: given[name] for name in ("series", "time_zone", "date_format", "no_fit") if name in given}
    return ImportOptions(
        columns=pairs(given["columns"], "--column"),
        constants={name: value for name, value in (constants or {}).items() if value is not None},
        values=_meanings(given["map_values"]),
        where=pairs(given["where"], "--where"),
        key=keys,
        **said,
        **own,
        **more,
    )


def _meanings(given: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what values mean, of a file with two columns or of pairs written out."""
    found: dict[str, dict[str, str]] = {}
    for name, meaning in pairs(given, "--map-values").items():
        path = Path(meaning)
        if path.suffix.lower() == ".csv":
            if not path.is_file():
                raise NotFoundError("There is no file %(file)s", file=meaning)
            with path.open(encoding="utf-8-sig", newline="") as file:
                found[name] = {row[0].strip(): row[1].strip() for row in csv.reader(file) if len(row) > 1}
        else:
            parts = [pair.rpartition(":") for pair in meaning.split(";") if pair]
            found[name] = {value.strip(): ours.strip() for value, _, ours in parts}
    return found


def finish(file: Path, done: Done, given: Mapping[str, Any]) -> None:
    """Tell what became of the rows and leave the refused ones in a file; fail if nothing was good."""
    target = given["refused"] or refusals.place_for(file)
    kept = None
    if not given["dry_run"]:
        kept = target if refusals.write(target, done.refused) else None
    telling.tell(file, done, kept, dry_run=given["dry_run"])
    if done.refused and not (done.n_added or done.n_changed or done.n_same):
        raise InvalidError("%(file)s: every row was refused", file=file.name)
