"""Accounts held against the history: who may what, and who may come in."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from layers.store.schema import account
from layers.vouching.deviations import Deviation, compare, differing, lines


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the accounts that were made, or whose role or shutting-out was changed, without the program."""
    roles: dict[str, str | None] = {}
    shut: set[str] = set()
    for line in lines(conn, "account", ("create", "change", "disable", "readmit", "erase")):
        if line.action in {"disable", "erase"}:
            shut.add(line.noun_id)
        elif line.action == "readmit":
            shut.discard(line.noun_id)
        else:
            said = line.details if line.action == "create" else line.details.get("after", {})
            # what was erased is not known any more
            roles[line.noun_id] = said.get("role")
    there: dict[str, None] = {}
    for row in conn.execute(select(account)):
        key = str(row.id)
        there[key] = None
        if key in roles:
            held = {
                "role": roles[key] in {None, row.role},
                "disabled_at": (row.disabled_at is not None) == (key in shut),
            }
            yield from differing("account", key, held)
    yield from compare("account", there, roles)
