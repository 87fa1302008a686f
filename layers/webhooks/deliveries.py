"""What each address is to be told, and what became of it: made from the lines of the history.

A delivery has a row of its own, marked when the other side has confirmed it.  It may come twice, never not at
all: the number in `Xuncha-Delivery` stays the same.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from geo.errors import Explained
from layers import history as past
from layers import jobs
from layers.errors import NotFoundError, XunchaError
from layers.language import explain
from layers.store.schema import history, webhook
from layers.store.schema import webhook_delivery as table
from layers.store.schema.webhook import DUE
from layers.store.types import to_text
from layers.webhooks import hooks
from layers.webhooks.hooks import Webhook
from layers.webhooks.sending import Telling, UndeliveredError, send
from layers.worker import Work

if TYPE_CHECKING:
    from layers.site import Site

KIND = "webhooks"
# Ten seconds, then ever twice as long up to an hour: given up after about half a day
MOST_ATTEMPTS = 20
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
_AT_ONCE = 1000
_MOST_LISTED = 100
_LEADS_TO = {"finding": "/api/v1/findings/", "track": "/api/v1/tracks/", "check": "/api/v1/checks/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One line of the history for one address."""

    id: int
    webhook_id: int
    event: str
    noun_id: str
    at: datetime
    not_before: datetime
    attempts: int
    delivered_at: datetime | None
    failed_at: datetime | None
    status: int | None
    error: dict[str, Any] | None

    @property
    def state(self) -> str:
        """Return done, failed or waiting."""
        if self.delivered_at is not None:
            return "done"
        return "failed" if self.failed_at is not None else "waiting"

    @property
    def reason(self) -> str | None:
        """Return why it did not arrive the last time, in the language in use."""
        if self.error is None or self.delivered_at is not None:
            return None
        return explain(XunchaError(self.error["message"], **self.error["params"]))


def look(site: "Site", *, now: datetime) -> int:
    """Make deliveries of what is new in the history, and a job where any is due; return how many are new."""
    known = [one for one in hooks.every(site) if one.active]
    if not known:
        return 0
    n = sum(_look_for(site, one, now) for one in known)
    with site.store.read() as conn:
        due = conn.execute(_due(now).limit(1)).first()
    if due is not None:
        with site.store.write() as conn:
            jobs.forget_done(conn, KIND)
            jobs.put(conn, KIND, now=now, key=KIND)
    return n


def _look_for(site: "Site", hook: Webhook, now: datetime) -> int:
    """Make deliveries for one address; lines of the history become visible in the order of their numbers."""
    fresh = select(history.c.id, history.c.noun, history.c.action).where(history.c.id > hook.seen)
    with site.store.read() as conn:
        rows = conn.execute(fresh.order_by(history.c.id).limit(_AT_ONCE)).all()
    if not rows:
        return 0
    wanted = [row.id for row in rows if hook.wants(row.noun, row.action)]
    with site.store.write() as conn:
        still = update(webhook).where(webhook.c.id == hook.id, webhook.c.seen == hook.seen, webhook.c.active)
        if conn.execute(still.values(seen=rows[-1].id)).rowcount != 1:
            return 0
        if wanted:
            plain = {"webhook_id": hook.id, "not_before": now, "attempts": 0}
            conn.execute(insert(table), [{**plain, "history_id": one} for one in wanted])
    return len(wanted)


def _due(now: datetime) -> Select[Any]:
    return (
        select(table.c.id)
        .join(webhook, webhook.c.id == table.c.webhook_id)
        .where(DUE, table.c.not_before <= now, webhook.c.active)
        .order_by(table.c.id)
    )


def deliver(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of telling: everything that is due, the oldest first.

    An address that cannot be reached is left alone until its next turn, so that the others do not wait.
    """
    n = 0
    lost: set[int] = set()
    while (row := _next(site, work.clock(), lost)) is not None:
        work.progress("telling other programs", n, None)
        hook = hooks.get(site, row.webhook_id)
        try:
            status = _send(site, hook, row, work.clock())
        except XunchaError as error:
            _failed(site, row, error, work.clock())
            lost.add(hook.id)
            continue
        _mark(site, row.id, {"delivered_at": work.clock(), "status": status, "error": None})
        n += 1
    return {"n": n}


def _next(site: "Site", now: datetime, lost: set[int]) -> Row[Any] | None:
    chosen = _due(now).add_columns(
        table.c.webhook_id,
        table.c.attempts,
        *(history.c[name] for name in ("at", "action", "noun", "noun_id", "version")),
    )
    chosen = chosen.join(history, history.c.id == table.c.history_id)
    with site.store.read() as conn:
        return conn.execute(chosen.where(table.c.webhook_id.not_in(lost)).limit(1)).first()


def _send(site: "Site", hook: Webhook, row: Row[Any], now: datetime) -> int:
    event = f"{row.noun}.{row.action}"
    told = {
        "delivery": row.id,
        "event": event,
        "at": to_text(row.at),
        "noun": row.noun,
        "id": row.noun_id,
        "version": row.version,
        "address": _LEADS_TO[row.noun] + row.noun_id if row.noun in _LEADS_TO else None,
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    at = int(now.timestamp())
    telling = Telling(row.id, event, body)
    return send(hook.url, hook.secret, telling, at=at, private=site.settings.webhook_private)


def _mark(site: "Site", delivery_id: int, values: dict[str, Any]) -> None:
    with site.store.write() as conn:
        conn.execute(update(table).where(table.c.id == delivery_id, DUE).values(values))


def _failed(site: "Site", row: Row[Any], error: Explained, now: datetime) -> None:
    attempts = row.attempts + 1
    pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 20), _LONGEST_PAUSE)
    ahead = {"failed_at": now} if attempts >= MOST_ATTEMPTS else {"not_before": now + pause}
    status = error.status if isinstance(error, UndeliveredError) else None
    values = {**ahead, "attempts": attempts, "status": status, "error": jobs.told(error)}
    _mark(site, row.id, values)


def replay(
    site: "Site",
    webhook_id: int,
    *,
    by: int | None,
    now: datetime,
    delivery_id: int | None = None,
    since: datetime | None = None,
) -> int:
    """Tell an address once more: one delivery, all since a time, or those that were given up."""
    hooks.get(site, webhook_id)
    which = [table.c.webhook_id == webhook_id]
    if delivery_id is not None:
        which.append(table.c.id == delivery_id)
    elif since is not None:
        which.append(table.c.history_id.in_(select(history.c.id).where(history.c.at >= since)))
    else:
        which.append(table.c.failed_at.is_not(None))
    fresh = {"delivered_at": None, "failed_at": None, "attempts": 0, "not_before": now, "error": None}
    with site.store.write() as conn:
        n = conn.execute(update(table).where(*which).values(fresh)).rowcount
        if delivery_id is not None and not n:
            raise NotFoundError("There is no such delivery")
        if n:
            _note_replay(conn, webhook_id, n, by, now)
            jobs.put(conn, KIND, now=now, key=KIND, again=True)
    return n


def _note_replay(conn: Connection, webhook_id: int, n: int, by: int | None, now: datetime) -> None:
    past.append(
        conn,
        at=now,
        account_id=by,
        action="replay",
        noun="webhook",
        noun_id=str(webhook_id),
        details={"n": n},
    )


def newest(site: "Site", webhook_id: int | None = None) -> list[Delivery]:
    """Return the newest deliveries, to one address or to all."""
    own = [name for name in Delivery.__slots__ if name in table.c]
    chosen = (
        select(
            *(table.c[name] for name in own),
            (history.c.noun + "." + history.c.action).label("event"),
            history.c.noun_id,
            history.c.at,
        )
        .join(history, history.c.id == table.c.history_id)
        .order_by(table.c.id.desc())
        .limit(_MOST_LISTED)
    )
    if webhook_id is not None:
        chosen = chosen.where(table.c.webhook_id == webhook_id)
    with site.store.read() as conn:
        rows = conn.execute(chosen).all()
    return [Delivery(**{name: getattr(row, name) for name in Delivery.__slots__}) for row in rows]


def counts(site: "Site") -> dict[int, dict[str, int]]:
    """Return for each address how many deliveries were done, wait and failed."""
    parts = {
        "done": func.count(table.c.delivered_at),
        "failed": func.count(table.c.failed_at),
        "all": func.count(),
    }
    chosen = select(table.c.webhook_id, *(part.label(name) for name, part in parts.items()))
    with site.store.read() as conn:
        rows = conn.execute(chosen.group_by(table.c.webhook_id)).mappings().all()
    return {
        row["webhook_id"]: {
            "done": row["done"],
            "failed": row["failed"],
            "waiting": row["all"] - row["done"] - row["failed"],
        }
        for row in rows
    }
