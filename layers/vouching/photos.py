"""Which photos belong to which findings, held against the history."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, select

from layers.importing.undoing import kept_as
from layers.store.schema import finding, photo
from layers.store.types import to_millisecond
from layers.vouching.deviations import Deviation, compare, differing, lines

_HELD = ("role", "account_id", "received_at")
_Said = tuple[str, int, datetime]


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the photos that were put to a finding, taken from it or changed without the program."""
    told, erased = _told(conn)
    chosen = select(finding.c.uuid, *(photo.c[name] for name in ("sha256", *_HELD)))
    there: dict[str, None] = {}
    for row in conn.execute(chosen.join(photo, photo.c.finding_id == finding.c.fid)):
        key = f"{row.uuid}/{row.sha256}"
        if row.uuid in erased and key not in told:
            # somebody brought photos to it and was forgotten: which ones nobody can say
            continue
        there[key] = None
        if key in told:
            said = zip(_HELD, told[key], strict=True)
            yield from differing("photo", key, {name: getattr(row, name) == value for name, value in said})
    yield from compare("photo", there, told)


def _told(conn: Connection) -> tuple[dict[str, _Said], set[str]]:
    """Return the photos that the history tells of, and the findings of which it forgot them."""
    of: dict[str, dict[str, _Said]] = {}
    erased: set[str] = set()
    for line in lines(conn, "finding", ("attach_photo", "undo_import")):
        if line.action == "undo_import":
            run = line.details.get("import_run_id")
            if run is not None and line.noun_id in of:
                of[kept_as(line.noun_id, run)] = of.pop(line.noun_id)
        elif "sha256" in line.details:
            said = (line.details["role"], line.account_id, to_millisecond(line.at))
            of.setdefault(line.noun_id, {})[line.details["sha256"]] = said
        else:
            erased.add(line.noun_id)
    told = {f"{uuid}/{sha256}": one for uuid, photos in of.items() for sha256, one in photos.items()}
    return told, erased
