"""What is read of the chosen findings, and what a planner can choose from: the same for every map."""

from datetime import datetime

import numpy as np
import pandas as pd
import shapely
from sqlalchemy import Connection, func, select

from layers.field import findings, in_force
from layers.field.asking import FindingFilter
from layers.site import Site
from layers.store.schema import finding, history, placement_decision

_SILENT_NOUNS = ("token", "webhook", "import_profile", "job")
_SILENT_ACTIONS = (
    *("sign_in", "sign_out", "throttle", "set_password", "reset_password", "end_sessions"),
    *("due_soon", "overdue"),
)
_COLUMNS = (
    "fid",
    "uuid",
    "scheme",
    "code",
    "channel",
    "observed_at",
    "position_source",
    "note",
    "block_id",
    "street_name",
    "p_block",
    "runner_up_block",
    "runner_up_p",
    "ambiguous",
    "outside",
    "s_used_m",
    "n_items",
)


def read(site: Site, wanted: FindingFilter) -> pd.DataFrame:
    """Return the chosen findings with where they lie on the newest streets.

    Returns
    -------
    DataFrame
        By `fid`: position (`lon`, `lat`, degrees), category, `observed_at`, `day` (days since 1970 at the
        site), and the placement's columns, missing where a finding has not been placed on these streets.
        Where a person `decided`, the decision stands in them: one block with certainty, or outside.
    """
    found = findings.frame(site, wanted, _COLUMNS)
    places = shapely.get_coordinates(found.geometry.to_numpy()) if len(found) else np.empty((0, 2))
    local = found["observed_at"].dt.tz_convert(site.settings.zone).dt.tz_localize(None)
    days = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    table = pd.DataFrame(found.drop(columns="geom")).assign(lon=places[:, 0], lat=places[:, 1], day=days)
    return _with_decisions(site, table)


def _with_decisions(site: Site, table: pd.DataFrame) -> pd.DataFrame:
    """Put what people decided in the place of what was in doubt."""
    made = placement_decision.c
    with site.store.read() as conn:
        rows = conn.execute(in_force.decisions(made.finding_id, made.block_id, made.street_name)).all()
    decided = {row.finding_id: row for row in rows}
    which = table["fid"].isin(decided)
    table["decided"] = which
    if which.any():
        own = [decided[fid] for fid in table.loc[which, "fid"]]
        on_block = np.array([row.block_id is not None for row in own])
        table.loc[which, "block_id"] = np.array([row.block_id for row in own], dtype=object)
        table.loc[which, "street_name"] = np.array([row.street_name for row in own], dtype=object)
        table.loc[which, "p_block"] = np.where(on_block, 1.0, np.nan)
        table.loc[which, "runner_up_block"] = None
        table.loc[which, "runner_up_p"] = np.nan
        table.loc[which, "ambiguous"] = False
        table.loc[which, "outside"] = ~on_block
    return table


def used_categories(conn: Connection) -> list[tuple[str, str, int]]:
    """Return scheme, code and number of findings of each category in use, the commonest first."""
    n = func.count()
    rows = conn.execute(
        select(finding.c.scheme, finding.c.code, n)
        .where(finding.c.withdrawn_at.is_(None))
        .group_by(finding.c.scheme, finding.c.code)
        .order_by(n.desc(), finding.c.scheme, finding.c.code)
    )
    return [(row[0], row[1], int(row[2])) for row in rows]


def span(conn: Connection) -> tuple[datetime | None, datetime | None]:
    """Return when the first and the last finding were observed."""
    first, last = func.min(finding.c.observed_at), func.max(finding.c.observed_at)
    row = conn.execute(select(first, last).where(finding.c.withdrawn_at.is_(None))).one()
    return row[0], row[1]


def data_version(conn: Connection, besides: tuple[str, ...] = ()) -> int:
    """Return a number that rises with every change, those of some nouns left out: a line of the history.

    Who came in, keys, reminders and the like change nothing that is counted: what was computed stays good.
    """
    last = select(history.c.id).where(
        history.c.noun.not_in((*_SILENT_NOUNS, *besides)), history.c.action.not_in(_SILENT_ACTIONS)
    )
    return int(conn.execute(last.order_by(history.c.id.desc()).limit(1)).scalar() or 0)
