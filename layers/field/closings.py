"""When a finding was gone, as far as a site knows: put right, looked at again, or its place found clean."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from layers.field import checks, measures

if TYPE_CHECKING:
    from layers.site import Site

# Measures after which a thing of their street is no longer there; an order only asks for it
ENDING = ("fixed", "verified")


def find(site: "Site", found: pd.DataFrame) -> pd.DataFrame:
    """Return the findings that were closed, and when first: `uuid, closed_at`.

    A measure of its block that ends things closes a finding at the end of its day; a check with nothing
    found closes what lies on its stretch.

    Parameters
    ----------
    found : DataFrame
        `uuid, block_id, chainage_m, observed_at` (aware); without a block nothing is known.
    """
    placed = found.loc[found["block_id"].notna(), ["uuid", "block_id", "chainage_m", "observed_at"]]
    if placed.empty:
        return pd.DataFrame({"uuid": [], "closed_at": []})
    clean = checks.table(site)[["block_id", "from_m", "to_m", "ended_at"]]
    done = pd.DataFrame(_ends(site, set(placed["block_id"])), columns=["block_id", "ended_at"])
    done["ended_at"] = pd.to_datetime(done["ended_at"], utc=True)
    on_stretch = placed.merge(clean, on="block_id").query("from_m <= chainage_m <= to_m")
    ends = pd.concat([on_stretch, placed.merge(done, on="block_id")])[["uuid", "observed_at", "ended_at"]]
    after = ends[ends["ended_at"] > ends["observed_at"]]
    first = after.groupby("uuid")["ended_at"].min()
    return pd.DataFrame({"uuid": first.index, "closed_at": first.array})


def _ends(site: "Site", block_ids: Iterable[str]) -> Iterator[tuple[str, datetime]]:
    """Return blocks and the instants from which what was found there before is gone."""
    wanted = set(block_ids)
    for one in measures.on(site, wanted):
        if one.kind in ENDING:
            end = datetime.combine(one.done_on + timedelta(days=1), time(), site.settings.zone)
            yield from ((block, end.astimezone(UTC)) for block in wanted.intersection(one.block_ids))
