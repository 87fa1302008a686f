"""What was done on a stretch beside what was found there: measures, checks, relapses, passes by week."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import select

from layers.analysis import parking_displacement
from layers.analysis.hotspots import Asked
from layers.analysis.parking_displacement import Displacement
from layers.field import checks, measures
from layers.field.measures import Measure
from layers.store.schema import account, finding, finding_link

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# So many of the newest measures are compared, before with after
COMPARED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of what happened: a `measure`, a `check` that found all in order, a `relapse`."""

    kind: str
    on: date
    by: str
    note: str | None = None
    measure: Measure | None = None
    finding_uuid: str | None = None
    check_uuid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """What happened on a stretch, the newest first, and what findings did around the newest measures."""

    events: list[Event]
    compared: list[tuple[Measure, Displacement]]


def find(
    analyst: "Analyst",
    asked: Asked,
    block_ids: Sequence[str],
    findings: pd.DataFrame,
    *,
    compare: bool = True,
) -> Done:
    """Return what was done on these blocks; `findings` are those on them."""
    noted = measures.on(analyst.site, block_ids)
    events = [Event(kind="measure", on=one.done_on, by=one.by, note=one.note, measure=one) for one in noted]
    events += _checks(analyst, block_ids) + _relapses(analyst, findings)
    compared = [
        (
            one,
            parking_displacement.of_findings(
                analyst, asked.categories, block_ids, one.done_on, asked.account_id
            ),
        )
        for one in (noted[:COMPARED] if compare else [])
    ]
    return Done(events=sorted(events, key=lambda one: one.on, reverse=True), compared=compared)


def _day(analyst: "Analyst", instant: Any) -> date:
    day: date = instant.astimezone(analyst.site.settings.zone).date()
    return day


def _checks(analyst: "Analyst", block_ids: Sequence[str]) -> list[Event]:
    """Return who said that all was in order here, a line for each check."""
    known = checks.table(analyst.site)
    here = known[known["block_id"].isin(block_ids)].drop_duplicates("recording")
    with analyst.site.store.read() as conn:
        names = {row.id: row.name for row in conn.execute(select(account.c.id, account.c.name))}
    columns = (here["started_at"], here["account_id"].tolist(), here["recording"].tolist())
    return [
        Event(
            kind="check",
            on=_day(analyst, at),
            by=names.get(by, ""),
            check_uuid=recording.removeprefix("check:"),
        )
        for at, by, recording in zip(*columns, strict=True)
    ]


def _relapses(analyst: "Analyst", findings: pd.DataFrame) -> list[Event]:
    """Return what came back after it was gone, as somebody decided."""
    made = finding_link.c
    chosen = (
        select(made.second_id, account.c.name)
        .join(account, account.c.id == made.decided_by)
        .where(made.undone_at.is_(None), made.relation == "relapse", made.same)
        .join(finding, finding.c.fid == made.second_id)
    )
    with analyst.site.store.read() as conn:
        rows = {row.second_id: row.name for row in conn.execute(chosen)}
    again = findings[findings["fid"].isin(rows)]
    columns = (again[name].tolist() for name in ("fid", "uuid", "observed_at"))
    return [
        Event(kind="relapse", on=_day(analyst, at), by=rows[fid], finding_uuid=uuid)
        for fid, uuid, at in zip(*columns, strict=True)
    ]
