"""How a kind of file is read, kept under a name: which column holds what, constants, frame, meanings."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from layers import history
from layers.errors import InvalidError, NotFoundError
from layers.importing.options import ImportOptions
from layers.store.schema import import_profile as table

if TYPE_CHECKING:
    from layers.site import Site

_NAME = re.compile(r"[\w .-]{1,60}")
_TOGETHER = ("columns", "constants", "values", "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A name, the kind of import it is for, and how to read the file."""

    name: str
    kind: str
    options: ImportOptions


def keep(
    site: "Site", kind: str, name: str, options: ImportOptions, *, by: int | None, now: datetime
) -> None:
    """Keep how a file was read; an earlier profile of this name gives way."""
    if not _NAME.fullmatch(name):
        raise InvalidError("%(given)s is not a name for a profile", field="profile", given=name[:60])
    kept = {key: value for key, value in asdict(options).items() if value}
    values = {"name": name, "kind": kind, "options": kept, "created_at": now, "account_id": by}
    with site.store.write() as conn:
        conn.execute(delete(table).where(table.c.name == name))
        conn.execute(insert(table).values(values))
        history.append(conn, at=now, account_id=by, action="keep", noun="import_profile", noun_id=name)


def get(site: "Site", kind: str, name: str) -> ImportOptions:
    """Return how the files of a profile are read."""
    with site.store.read() as conn:
        row = conn.execute(select(table).where(table.c.name == name, table.c.kind == kind)).first()
    if row is None:
        raise NotFoundError(
            "There is no profile %(name)s for this kind of import", field="profile", name=name
        )
    return read(row.options)


def read(kept: Mapping[str, Any]) -> ImportOptions:
    """Return the options that were kept as JSON."""
    known = {one.name for one in fields(ImportOptions)}
    given = {name: value for name, value in kept.items() if name in known}
    return ImportOptions(**{**given, "key": tuple(given.get("key", ()))})


def every(site: "Site") -> list[Profile]:
    """Return the profiles by name."""
    with site.store.read() as conn:
        rows = conn.execute(select(table).order_by(table.c.name)).all()
    return [Profile(name=row.name, kind=row.kind, options=read(row.options)) for row in rows]


def joined(base: ImportOptions, own: ImportOptions) -> ImportOptions:
    """Return a profile with what is said this time in front of it.

    >>> base = ImportOptions(columns={"code": "类别", "note": "说明"}, frame="gcj02")
    >>> own = ImportOptions(columns={"note": "备注"})
    >>> joined(base, own).columns, joined(base, own).frame
    ({'code': '类别', 'note': '备注'}, 'gcj02')
    """
    values: dict[str, Any] = {}
    for one in fields(ImportOptions):
        kept, said = getattr(base, one.name), getattr(own, one.name)
        values[one.name] = {**kept, **said} if one.name in _TOGETHER else said or kept
    return ImportOptions(**values)
