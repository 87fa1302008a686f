"""Reminders: a finding that is about to be late, or is, is told of once at each stage.

A line of the history each, so that webhooks tell who has to act; pages derive the same from the facts.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from layers import history, jobs
from layers.analysis import deadlines
from layers.analysis.questions import Analyst
from layers.field.asking import FindingFilter
from layers.store import frames
from layers.store.schema import reminder
from layers.store.types import to_text
from layers.worker import Work

if TYPE_CHECKING:
    from layers.site import Site

KIND = "reminders"
# Who begins with an old store, or had it asleep, is not told of every finding that ever was late
_NEWS = timedelta(days=7)
_AT_ONCE = 1000


def look(site: "Site", *, now: datetime) -> None:
    """Let a worker see what is to be reminded of."""
    with site.store.write() as conn:
        jobs.forget_done(conn, KIND)
        jobs.put(conn, KIND, now=now, key=KIND)


def remind(site: "Site", work: Work) -> dict[str, Any]:
    """Do the job of reminding; begun again it reminds of nothing twice."""
    now = work.clock()
    wanted = FindingFilter(observed_from=deadlines.since(now, site.settings.zone))
    analyst = Analyst(site)
    shown = deadlines.of(analyst, wanted, now)
    shown = shown[shown["due_at"] > pd.Timestamp(now - _NEWS)]
    n = 0
    for start in range(0, len(shown), _AT_ONCE):
        with site.store.write() as conn:
            n += _tell(conn, shown.iloc[start : start + _AT_ONCE], now)
        work.progress("reminding", start, len(shown))
    return {"n": n}


def _tell(conn: Connection, shown: pd.DataFrame, now: datetime) -> int:
    """Write down those that were not told of at their stage; return how many."""
    asked = select(reminder.c.finding_id, reminder.c.stage)
    there = {
        (row.finding_id, row.stage)
        for row in conn.execute(asked.where(reminder.c.finding_id.in_(shown["fid"].tolist())))
    }
    told = [pair in there for pair in zip(shown["fid"], shown["stage"], strict=True)]
    fresh = shown[~np.array(told, dtype=bool)]
    if fresh.empty:
        return 0
    due_at = [one.to_pydatetime() for one in fresh["due_at"]]
    columns = {"finding_id": fresh["fid"].tolist(), "stage": fresh["stage"].tolist(), "due_at": due_at}
    frames.insert_many(conn, reminder, {**columns, "at": [now] * len(fresh)})
    for uuid, stage, due in zip(fresh["uuid"], fresh["stage"], due_at, strict=True):
        history.append(
            conn,
            at=now,
            account_id=None,
            action=str(stage),
            noun="finding",
            noun_id=str(uuid),
            details={"due_at": to_text(due)},
        )
    return len(fresh)
