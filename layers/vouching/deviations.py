"""What is found where records and history differ, and how lines of the history are read for it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from layers.history import SEAL
from layers.store.schema import history

CHANGED, ADDED, MISSING = "changed", "added", "missing"
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Deviation:
    """A record that was changed, added or removed without the program; `fields` says in what."""

    noun: str
    id: str
    what: str
    fields: tuple[str, ...] = ()


def lines(conn: Connection, noun: str, actions: Iterable[str] = ()) -> Iterator[Row[Any]]:
    """Give the lines of the history about records of a kind, oldest first."""
    names = ("id", "at", "account_id", "action", "noun_id", "version", "details", "erased_at")
    chosen = select(*(history.c[name] for name in names)).where(history.c.noun == noun)
    wanted = list(actions)
    if wanted:
        chosen = chosen.where(history.c.action.in_(wanted))
    yield from conn.execute(chosen.order_by(history.c.id).execution_options(yield_per=_AT_ONCE))


def seal_of(line: Row[Any]) -> str | None:
    """Return the hash that a line sealed; none in lines of older versions, and in erased ones."""
    found = line.details.get(SEAL)
    return found if isinstance(found, str) else None


def compare(noun: str, there: Mapping[str, Any], told: Iterable[str]) -> Iterator[Deviation]:
    """Give what only the records have, and what only the history tells of."""
    known = set(told)
    yield from (Deviation(noun, one, ADDED) for one in there if one not in known)
    yield from (Deviation(noun, one, MISSING) for one in sorted(known) if one not in there)


def differing(noun: str, key: str, held: Mapping[str, bool]) -> Iterator[Deviation]:
    """Give one deviation that names the fields that do not hold, if there are any."""
    wrong = tuple(name for name, holds in held.items() if not holds)
    if wrong:
        yield Deviation(noun, key, CHANGED, wrong)
