"""`make chicago-hotspots`: what hotspots of a real city can be claimed, and what must not be.

Takes the site that `make chicago` built (and builds it if it is not there).  Violations come from the public
and are set against the length of streets, a declared exposure; food inspections have the inspectors' log as
effort: every visit is in it, whatever came of it.  Writes `docs/chicago-hotspots.md`.
"""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from geo import backtest, hotspots, neighbours, stretches
from geo.hotspots.family import false_discovery
from layers.analysis import hotspots as product
from layers.analysis.hotspots import ALPHA, RADIUS_M, Asked
from layers.analysis.questions import Analyst
from layers.field.asking import FindingFilter
from layers.language import using
from layers.site import Site
from map_app import hotspot_words
from tests import chicago

INSPECTION = (("xuncha-ext", "X402"),)
FIRST_QUARTER, N_QUARTERS = "2011-01-01", 12
SHARE = 0.05
PAGE = chicago.ROOT / "docs" / "chicago-hotspots.md"


def places(found: gpd.GeoDataFrame, most: int = 8) -> str:
    """Return the first stretches as a table."""
    rows = [
        {
            "stretch": hotspot_words.name(place),
            "m": f"{place['length_m']:.0f}",
            "found": f"{place['found']:.1f}",
            "expected": f"{place['expected']:.1f}",
            "q": f"{place['q']:.1g}",
        }
        for place in found.head(most).to_dict("records")
    ]
    return chicago.markdown(pd.DataFrame(rows, columns=["stretch", "m", "found", "expected", "q"]))


# --- violations, reported by the public ----------------------------------------------------------------


def violations(analyst: Analyst) -> str:
    """Ask the product for the public's stream; test how well it foretells."""
    found = product.find(analyst, Asked(stream="public"))
    blocks = analyst.site.network.blocks
    phi = found.model["phi"]
    hot = found.blocks["hot"].to_numpy()
    share_m = blocks["length_m"].to_numpy()[hot].sum() / blocks["length_m"].sum()
    inside = found.blocks["block_observed"].to_numpy()[hot].sum() / found.model["n_findings"]
    n_hot, n_all = int(hot.sum()), len(hot)
    return f"""## Violations: where people report

{len(found.findings)} violations, none of them found on a patrol: the product keeps them as a stream of
their own, sets them against the length of streets and says *declared, not measured* on the map.
{n_hot} of {n_all} blocks are flagged ({100 * share_m:.1f} % of the length, {100 * inside:.1f} % of the
violations), in {len(found.places)} stretches. The scatter between blocks is enormous (φ = {phi:.1f}): one
address that is reported again and again makes a block.

{places(found.places)}

{_foretold(analyst, found)}

**Claimed:** more is reported on these stretches than on as many metres elsewhere, by more than blocks
usually differ. **Not claimed:** that more is *wrong* there. Nobody knows how often anybody looked;
neighbours who call, and who do not, make such a map. No block is called cold, no unit is ranked by it.
"""


def _foretold(analyst: Analyst, found: product.Hotspots) -> str:
    blocks, rows = analyst.site.network.blocks, found.findings
    length_m = blocks["length_m"].to_numpy(np.float64)
    cuts = pd.date_range(FIRST_QUARTER, periods=N_QUARTERS + 1, freq="QS", tz=analyst.site.settings.zone)
    at = rows["observed_at"]
    counts = np.array(
        [_per_block(rows[(at >= since) & (at < until)], blocks) for since, until in pairwise(cuts)]
    )
    history = backtest.History(counts, np.tile(length_m, (N_QUARTERS, 1)), length_m)
    forecasts = {
        "shrunk rate of all quarters": backtest.patrol_corrected(length_m),
        "last quarter": backtest.last_period,
        "moving average": backtest.moving_average(),
    }
    tested = backtest.rolling_origin(history, forecasts, share=SHARE)
    means = tested.groupby("forecast", sort=False)[["pai", "pei"]].mean().round(2).reset_index()
    return (
        f"Tested forward, {tested['period'].nunique()} quarters, each from what was known before it, "
        f"{100 * SHARE:g} % of the street length chosen:\n\n" + chicago.markdown(means)
    )


def _per_block(rows: pd.DataFrame, blocks: gpd.GeoDataFrame) -> NDArray[np.float64]:
    n = product.weights(rows.assign(new=1.0), blocks).set_index("block_id")["weight"]
    return n.reindex(blocks["block_id"]).fillna(0.0).to_numpy(np.float64)


# --- inspections, with the inspectors' log as effort ---------------------------------------------------


def inspections(analyst: Analyst) -> str:
    """Set failed inspections against visits, then against what each inspector usually fails."""
    blocks = analyst.site.network.blocks
    visits = _with_inspector(analyst.findings(FindingFilter(categories=INSPECTION)))
    failed = visits[visits["note"].eq("Fail")]
    n_visits, n_failed = _per_block(visits, blocks), _per_block(failed, blocks)
    usual = visits.groupby("inspector")["note"].agg(lambda notes: notes.eq("Fail").mean())
    due = _weighted(visits, visits["inspector"].map(usual).to_numpy(np.float64), blocks)
    near = neighbours.find(blocks, RADIUS_M)
    by_visits = _asked(n_failed, n_visits, blocks, near)
    by_inspector = _asked(n_failed, due / max(due.sum(), 1e-9) * n_visits.sum(), blocks, near)
    counted = false_discovery(ndtr(-np.nan_to_num(hotspots.getis_ord(n_failed, near), nan=-np.inf))) <= ALPHA
    rates = ", ".join(
        f"{100 * rate:.0f} % ({name})"
        for name, rate in usual.drop("unknown", errors="ignore").sort_values().items()
    )
    hot, strict = (one["hot"].to_numpy() for one in (by_visits, by_inspector))
    model = by_visits.attrs["models"][0]
    elasticity = f"{model['elasticity']:.2f} ({model['elasticity_low']:.2f} – {model['elasticity_high']:.2f})"
    table = pd.DataFrame(
        [
            ("Gi* on failures, as maps usually do", int(counted.sum()), "–"),
            ("failures against visits", int(hot.sum()), len(_joined(by_visits, blocks))),
            ("failures against what these inspectors usually fail", int(strict.sum()),
             len(_joined(by_inspector, blocks))),
        ],
        columns=["asked", "blocks flagged", "stretches"],
    )  # fmt: skip
    watched = product.find(analyst, Asked(categories=INSPECTION))
    n_seen, unseen = int((n_visits > 0).sum()), 100 * float((n_visits == 0).mean())
    explained, flagged = int((counted & ~hot).sum()), int(watched.blocks["hot"].sum())
    return f"""## Inspections: with the log of the inspectors as effort

{len(visits)} visits on {n_seen} of {len(blocks)} blocks, {len(failed)} failed. A block that nobody visited
is *not observed*, and that is {unseen:.0f} % of the city. Failures grow with visits at an elasticity of
{elasticity}.

{chicago.markdown(table)}

Of the {int(counted.sum())} blocks that counts flag, {explained} are explained by how often inspectors came:
they are where restaurants are.

{_leading(by_visits, blocks, "Against visits")}

{_leading(by_inspector, blocks, "Against what the inspectors who came usually fail")}

The six inspectors differ: of their visits failed
{rates}.
Who inspects where is not drawn by lot, so a stretch beyond the visits may be a strict inspector's round;
that is why both are asked.

{_claimed(by_inspector, blocks)}
**Not claimed:** anything about the blocks without a visit; that the
difference between inspectors is theirs and not that of their districts.

The shuttles that stand in for patrols (`docs/chicago.md`) are no inspectors: asked for patrol hotspots of
inspections, the product counts {len(watched.findings)} findings on the {watched.n_observed} blocks they
drove, leaves {watched.n_unwatched} of other days out, flags {flagged} blocks, and says so.
"""


def _claimed(found: pd.DataFrame, blocks: gpd.GeoDataFrame) -> str:
    if not len(_joined(found, blocks)):
        return (
            "**Claimed:** nothing. No stretch fails more often than the visits to it, and who made them, "
            "explain."
        )
    return (
        "**Claimed:** on these stretches more visits failed than visits by the same inspectors fail "
        "elsewhere; one large kitchen can make a stretch."
    )


def _with_inspector(visits: pd.DataFrame) -> pd.DataFrame:
    """Add who inspected, by place and day: the site keeps no names."""
    log = pd.read_csv(chicago.DATA / chicago.INSPECTIONS)
    key = pd.DataFrame(
        {
            "lon": log["Longitude"].round(6),
            "lat": log["Latitude"].round(6),
            "date": log["Inspection_Date"].astype(str).str[:10],
            "note": log["Results"],
            "inspector": log["sanitarian"],
        }
    ).drop_duplicates(["lon", "lat", "date", "note"])
    days = pd.to_datetime(visits["day"], unit="D").dt.strftime("%Y-%m-%d")
    mine = visits.assign(lon=visits["lon"].round(6), lat=visits["lat"].round(6), date=days)
    joined = mine.merge(key, on=["lon", "lat", "date", "note"], how="left")
    return joined.assign(inspector=joined["inspector"].fillna("unknown"))


def _weighted(
    rows: pd.DataFrame, weight: NDArray[np.float64], blocks: gpd.GeoDataFrame
) -> NDArray[np.float64]:
    """Return an amount per finding as an amount per block, shared like the finding itself."""
    best = pd.Series(weight * rows["p_block"].to_numpy(), index=rows["block_id"])
    second = pd.Series(weight * rows["runner_up_p"].to_numpy(), index=rows["runner_up_block"])
    both = pd.concat([best, second]).dropna()
    total = both[both.index.notna()].groupby(level=0).sum()
    return total.reindex(blocks["block_id"]).fillna(0.0).to_numpy(np.float64)


def _asked(
    count: NDArray[np.float64],
    visits: NDArray[np.float64],
    blocks: gpd.GeoDataFrame,
    near: neighbours.Neighbourhoods,
) -> pd.DataFrame:
    """Ask for hotspots; a visit is a pass along the block."""
    ids = blocks["block_id"].to_numpy()
    effort = pd.DataFrame({"block_id": ids, "effort_m": visits * blocks["length_m"].to_numpy()})
    found = pd.DataFrame({"block_id": ids, "weight": count})
    return hotspots.find(found, blocks, effort, radius_m=RADIUS_M, alpha=ALPHA, near=near)


def _joined(found: pd.DataFrame, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return product.named(stretches.join(found, blocks), blocks)


def _leading(found: pd.DataFrame, blocks: gpd.GeoDataFrame, title: str) -> str:
    joined = _joined(found, blocks)
    if not len(joined):
        return f"{title}: no stretch is beyond chance."
    return f"{title}:\n\n{places(joined, 6)}"


def report(analyst: Analyst) -> str:
    """Return the page."""
    return f"""# Hotspots of Chicago, and what was not claimed

`make chicago-hotspots` writes this page from the site of `make chicago`, with the functions behind the map of
hotspots: neighbourhoods of {RADIUS_M:g} m along the streets, q ≤ {ALPHA:g} over all blocks asked together.
Streets © OpenStreetMap contributors (ODbL 1.0); violations and inspections © City of Chicago.

{violations(analyst)}
{inspections(analyst)}"""


def main() -> None:
    """Build the site if it is not there, ask, write."""
    if not chicago.DATA.exists():
        raise SystemExit("no ../shared/data/chicago: nothing to do")
    if not chicago.HOME.exists():
        chicago.build()
    site: Any = Site.open(chicago.HOME, now=datetime.now(UTC))
    try:
        with using("en"):
            page = report(Analyst(site))
    finally:
        site.close()
    PAGE.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
