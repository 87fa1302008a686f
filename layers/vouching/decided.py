"""Decisions of people about findings held against the history."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, select

from layers.store.schema import finding_link, placement_decision
from layers.vouching.deviations import Deviation, compare, differing, lines

_LINKED = {"merge": ("duplicate", True), "call a relapse": ("relapse", True), "keep apart": (None, False)}

_DECIDED = ("block_id", "network_version")


def deviations(conn: Connection) -> Iterator[Deviation]:
    """Give the decisions that are not what the history says of them."""
    yield from _placed(conn)
    yield from _linked(conn)


def _placed(conn: Connection) -> Iterator[Deviation]:
    made: dict[str, Row[Any]] = {}
    ended, erased = set(), False
    for line in lines(conn, "finding", ("decide", "take back")):
        key = str(line.details.get("decision"))
        erased |= line.erased_at is not None
        if line.action == "take back":
            ended.add(key)
        elif line.erased_at is None:
            made[key] = line
    there: dict[str, None] = {}
    for row in conn.execute(select(placement_decision)):
        key = str(row.id)
        said = made.get(key)
        if said is None and erased:
            continue
        there[key] = None
        if said is not None:
            held = {
                name: getattr(row, name) == said.details[name] for name in ("block_id", "network_version")
            }
            held["account_id"] = row.account_id == said.account_id
            held["withdrawn_at"] = erased or (row.withdrawn_at is not None) == (key in ended)
            yield from differing("decision", key, held)
    yield from compare("decision", there, made)


def _linked(conn: Connection) -> Iterator[Deviation]:
    made: dict[str, Row[Any]] = {}
    erased = False
    for line in lines(conn, "finding", _LINKED):
        erased |= line.erased_at is not None
        if line.erased_at is None:
            made[str(line.details.get("link"))] = line
    there: dict[str, None] = {}
    for row in conn.execute(select(finding_link)):
        key = str(row.id)
        said = made.get(key)
        if said is None and erased:
            continue
        there[key] = None
        if said is not None:
            relation, same = _LINKED[said.action]
            held = {"same": row.same == same, "decided_by": row.decided_by == said.account_id}
            held["relation"] = relation in {None, row.relation}
            yield from differing("link", key, held)
    yield from compare("link", there, made)
