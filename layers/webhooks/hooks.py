"""The addresses that are told of changes, and of which."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update

from layers import history
from layers.errors import InvalidError, NotFoundError
from layers.store.schema import history as lines
from layers.store.schema import webhook as table
from layers.webhooks.sending import check_url

if TYPE_CHECKING:
    from layers.site import Site

EVERYTHING = "*"
# What is told of the records; who may come in and what the machine does is nobody else's business
_KEPT_TO_OURSELVES = frozenset({"account", "token", "webhook", "job"})
_EVENT = re.compile(r"\*|[a-z_]{1,40}\.(\*|[a-z_ ]{1,40})")
_MOST_EVENTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address, and the events that it is told of: ``finding.create``, ``finding.*`` or ``*``."""

    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    active: bool
    seen: int
    created_at: datetime
    account_id: int | None

    def wants(self, noun: str, action: str) -> bool:
        """Tell whether it is told of this."""
        if noun in _KEPT_TO_OURSELVES:
            return False
        return not {EVERYTHING, f"{noun}.*", f"{noun}.{action}"}.isdisjoint(self.events)


def add(
    site: "Site", url: str, events: Sequence[str] = (EVERYTHING,), *, by: int | None, now: datetime
) -> Webhook:
    """Add an address; it is told of what happens from now on."""
    check_url(url)
    chosen = tuple(dict.fromkeys(one.strip() for one in events if one.strip())) or (EVERYTHING,)
    wrong = [one for one in chosen if not _EVENT.fullmatch(one)]
    if wrong or len(chosen) > _MOST_EVENTS:
        raise InvalidError(
            "%(given)s is no event such as finding.create, finding.* or *",
            field="events",
            given=wrong[0][:60] if wrong else len(chosen),
        )
    with site.store.write() as conn:
        seen = conn.execute(select(func.max(lines.c.id))).scalar() or 0
        values = {
            "url": url,
            "secret": secrets.token_urlsafe(32),
            "events": list(chosen),
            "active": True,
            "seen": seen,
            "created_at": now,
            "account_id": by,
        }
        made = conn.execute(insert(table).values(values).returning(table)).one()
        details = {"events": list(chosen)}
        history.append(
            conn,
            at=now,
            account_id=by,
            action="create",
            noun="webhook",
            noun_id=str(made.id),
            details=details,
        )
    return _webhook(made)


def switch(site: "Site", webhook_id: int, *, active: bool, by: int | None, now: datetime) -> None:
    """Tell an address no more, or again: then of what happens from now on."""
    with site.store.write() as conn:
        seen = conn.execute(select(func.max(lines.c.id))).scalar() or 0
        there = update(table).where(table.c.id == webhook_id, table.c.active.is_(not active))
        if conn.execute(there.values(active=active, seen=seen)).rowcount == 1:
            action = "switch_on" if active else "switch_off"
            _note(conn, action, webhook_id, by, now)


def _note(conn: Connection, action: str, webhook_id: int, by: int | None, now: datetime) -> None:
    history.append(conn, at=now, account_id=by, action=action, noun="webhook", noun_id=str(webhook_id))


def every(site: "Site") -> list[Webhook]:
    """Return the addresses in the order in which they were added."""
    with site.store.read() as conn:
        return [_webhook(row) for row in conn.execute(select(table).order_by(table.c.id))]


def get(site: "Site", webhook_id: int) -> Webhook:
    """Return one address."""
    with site.store.read() as conn:
        row = conn.execute(select(table).where(table.c.id == webhook_id)).first()
    if row is None:
        raise NotFoundError("There is no such webhook")
    return _webhook(row)


def _webhook(row: Any) -> Webhook:
    values = {name: getattr(row, name) for name in Webhook.__slots__}
    return Webhook(**{**values, "events": tuple(row.events)})
