"""Until when what was found should be put right: what is about to be late, and what is.

A finding of a category that lasts is due after the typical limit of the category (`layers.city.limits`).
When it was put right nobody says; once half of its block was looked at after that time without its being
reported again, it waits for nobody any more.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from layers.analysis import coverage
from layers.city import limits
from layers.field.asking import FindingFilter

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

SOON, OVER = "due_soon", "overdue"
# What is older and was never passed again is a matter for the archive
MEMORY_DAYS = 90


def of(analyst: "Analyst", wanted: FindingFilter, now: datetime) -> pd.DataFrame:
    """Return the chosen findings that are overdue or will be before the lead time is over, by due time.

    Returns
    -------
    DataFrame
        `fid, uuid, scheme, code, observed_at, block_id, street_name, lon, lat, due_at, stage`.
    """
    lead = timedelta(hours=analyst.site.settings.remind_hours)
    every = lasting(analyst, wanted)
    passed = last_inspected(analyst, now).reindex(every["block_id"]).set_axis(every.index)
    over = (every["due_at"] <= pd.Timestamp(now)).to_numpy()
    soon = (every["due_at"] <= pd.Timestamp(now + lead)).to_numpy()
    settled = (passed > every["due_at"]).to_numpy()
    shown = every.assign(stage=np.where(over, OVER, SOON))[soon & ~settled]
    return shown.sort_values("due_at", kind="stable").reset_index(drop=True)


def lasting(analyst: "Analyst", wanted: FindingFilter) -> pd.DataFrame:
    """Return the chosen findings that last until somebody puts them right, each with its `due_at`."""

    def make() -> pd.DataFrame:
        return _lasting(analyst, analyst.findings(wanted))

    return analyst.kept("deadlines", asdict(wanted), make)


def _lasting(analyst: "Analyst", found: pd.DataFrame) -> pd.DataFrame:
    site = analyst.site
    known = {
        key: limit
        for key in set(zip(found["scheme"], found["code"], strict=True))
        if (limit := limits.of(site.taxonomy.category(*key))) is not None
    }
    lasts = [key in known for key in zip(found["scheme"], found["code"], strict=True)]
    found = found[np.array(lasts, dtype=bool)]
    due_at = [
        known[scheme, code].due_at(observed_at, site.settings.zone)
        for scheme, code, observed_at in zip(
            found["scheme"], found["code"], found["observed_at"].dt.to_pydatetime(), strict=True
        )
    ]
    names = ("fid", "uuid", "scheme", "code", "observed_at", "block_id", "street_name", "lon", "lat")
    return found[list(names)].assign(due_at=pd.to_datetime(due_at, utc=True))


def last_inspected(analyst: "Analyst", now: datetime) -> "pd.Series[pd.Timestamp]":
    """Return since when half of each block's length was looked at, by block id; NaT where that never was."""
    if analyst.site.network_or_none() is None:
        return pd.Series(dtype="datetime64[ns, UTC]")
    cut = coverage.stretches(analyst, None, now).sort_values(
        "inspected_at", na_position="first", kind="stable"
    )
    length = cut["to_m"] - cut["from_m"]
    half = length.groupby(cut["block_id"]).transform("sum") / 2
    first = cut[length.groupby(cut["block_id"]).cumsum() >= half - 1e-9].drop_duplicates("block_id")
    found: pd.Series[pd.Timestamp] = first.set_index("block_id")["inspected_at"]
    return found


def since(now: datetime, zone: object) -> datetime:
    """Return from when on findings are looked at: a midnight, so that what is kept is good for a day."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)  # type: ignore[arg-type]
    return midnight - timedelta(days=MEMORY_DAYS)
