"""Where more is found than the patrols explain: hotspots of a site, block by block and as named stretches.

Findings of patrols are set against the metres that patrols inspected.  What the public reports follows
no patrol: it is a stream of its own, set against a declared exposure, and so is everything on a site that
has no tracks; the answer says so (`Hotspots.declared`).  Declared is the length of streets, or who lives
along them where that is known.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import func, select

from geo import hotspots, stretches
from layers.analysis import coverage, density, residents, seen_before
from layers.analysis.residents import Residents
from layers.errors import ForbiddenError
from layers.field.asking import FindingFilter
from layers.store.schema import track

if TYPE_CHECKING:
    from layers.analysis.questions import Analyst

# How far a neighbourhood reaches along the streets, metres; the share of flagged places that may be false
RADIUS_M = 250.0
ALPHA = 0.05
PUBLIC = "public"
STREAMS = ("patrol", PUBLIC)
RESIDENTS = "residents"
EXPOSURES = ("streets", RESIDENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What hotspots are asked for: the period [since, until), categories, a stream, one account's or all.

    `against` is what stands in for effort where that is declared: `streets`, their length, or `residents`.
    """

    since: datetime | None = None
    until: datetime | None = None
    categories: tuple[tuple[str, str], ...] | None = None
    stream: str = "patrol"
    account_id: int | None = None
    against: str = "streets"

    @classmethod
    def of(cls, wanted: FindingFilter, stream: str = "patrol", against: str = "streets") -> "Asked":
        """Return the question of a filter; its places are left out, for effort knows no such bounds.

        Raises
        ------
        ForbiddenError
            The filter is that of an account limited to areas: the answer would tell of the others.
        """
        if wanted.within is not None:
            raise ForbiddenError("Hotspots are of the whole city; this account is limited to areas")
        return cls(
            since=wanted.observed_from,
            until=wanted.observed_until,
            categories=wanted.categories,
            stream=stream,
            account_id=wanted.account_id,
            against=against,
        )

    @property
    def wanted(self) -> FindingFilter:
        """Return the filter that reads the findings, both streams of them."""
        return FindingFilter(
            observed_from=self.since,
            observed_until=self.until,
            categories=self.categories,
            account_id=self.account_id,
        )

    @property
    def parameters(self) -> dict[str, object]:
        """Return what an answer is kept by."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hotspots:
    """Hotspots of one question.

    `blocks` is what `geo.hotspots.find` returned, with `effort_m`, by block id; `places` what
    `geo.stretches.join` made of the flagged ones, with `near_name` where a place has no name of its own;
    `model` what the model learned.  `declared` if the length of streets stood in for effort, or, where there
    are `residents`, who lives along them.
    `findings` are those counted; `n_unwatched` were made on days before the first or after the last track
    (`watched`), `n_other` belong to the other stream.  Each counts by its `new`, the probability that it is
    of nothing that another one reported before; `n_again` is what that leaves out.
    """

    blocks: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    model: dict[str, Any]
    findings: pd.DataFrame
    declared: bool
    watched: tuple[datetime, datetime] | None
    n_other: int
    n_unwatched: int
    n_again: float
    residents: Residents | None = None

    @property
    def n_observed(self) -> int:
        """How many blocks somebody looked at (all, where the exposure is declared)."""
        return int(self.blocks["observed_at_all"].sum())

    @property
    def effort_km(self) -> float:
        """Inspected kilometres, each pass counted; 0 where the exposure is declared."""
        return 0.0 if self.declared else float(self.blocks["effort_m"].sum()) / 1000


def find(analyst: "Analyst", asked: Asked) -> Hotspots:
    """Return the hotspots of a site; see `geo.hotspots.find`."""
    return analyst.kept("hotspots", asked.parameters, lambda: _find(analyst, asked))


def _find(analyst: "Analyst", asked: Asked) -> Hotspots:
    blocks = analyst.site.network.blocks
    watched = watched_from_until(analyst, asked)
    declared = asked.stream == PUBLIC or watched is None
    both = analyst.findings(asked.wanted)
    own = both[both["channel"].eq(PUBLIC) == (asked.stream == PUBLIC)]
    findings = own if declared else within(own, analyst, watched)
    before = seen_before.find(analyst, asked.wanted, findings["fid"])
    findings = findings.assign(new=1.0 - findings["fid"].map(before).fillna(0.0))
    people = residents.find(analyst) if declared and asked.against == RESIDENTS else None
    amount = exposure(analyst, asked) if not declared else _declared(blocks, people)
    table = hotspots.find(weights(findings, blocks), blocks, amount, radius_m=RADIUS_M, alpha=ALPHA)
    table["effort_m"] = np.nan if declared else amount["effort_m"].to_numpy()
    return Hotspots(
        blocks=table.set_index("block_id", drop=False),
        places=named(stretches.join(table, blocks), blocks),
        model=table.attrs["models"][0],
        findings=findings,
        declared=declared,
        watched=watched,
        n_other=len(both) - len(own),
        n_unwatched=len(own) - len(findings),
        n_again=len(findings) - float(findings["new"].sum()),
        residents=people,
    )


def named(places: gpd.GeoDataFrame, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Add `near_name`, the nearest street with a name, of places that have no name of their own."""
    places["near_name"] = None
    named = blocks[blocks["name"].notna() & blocks["name"].ne("")]
    lacking = np.flatnonzero(places[["name", "from_name", "to_name"]].isna().all(axis=1))
    if len(named) and len(lacking):
        nearest = shapely.STRtree(named.geometry.to_numpy()).nearest(places.geometry.to_numpy()[lacking])
        places.loc[lacking, "near_name"] = named["name"].to_numpy()[nearest]
    return places


def weights(findings: pd.DataFrame, blocks: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return how much of the placed findings each block carries: `block_id`, `weight`."""
    placed = findings[findings["ambiguous"].notna()]
    shares = {name: placed[name] * placed["new"] for name in ("p_block", "runner_up_p")}
    return density.per_block(placed.assign(**shares), blocks)["n"].rename("weight").reset_index()


def carried(findings: pd.DataFrame, blocks: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return how much of the placed findings each block carries, in the order of `blocks`."""
    weight = weights(findings, blocks).set_index("block_id")["weight"]
    return weight.reindex(blocks["block_id"]).fillna(0.0).to_numpy(np.float64)


def exposure(analyst: "Analyst", asked: Asked) -> pd.DataFrame:
    """Return the inspected metres of every block in the period asked for: `block_id`, `effort_m`."""
    found = coverage.effort(analyst, asked.since, asked.until, asked.account_id)
    return found["metres"].rename("effort_m").reset_index()


def _declared(blocks: gpd.GeoDataFrame, people: Residents | None) -> pd.DataFrame:
    if people is not None:
        return people.blocks
    return pd.DataFrame({"block_id": blocks["block_id"], "exposure": blocks["length_m"]})


def watched_from_until(analyst: "Analyst", asked: Asked) -> tuple[datetime, datetime] | None:
    """Return when the first track began and the last one ended, of any period; None without tracks."""
    chosen = select(func.min(track.c.started_at), func.max(track.c.ended_at))
    if asked.account_id is not None:
        chosen = chosen.where(track.c.account_id == asked.account_id)
    with analyst.site.store.read() as conn:
        first, last = conn.execute(chosen).one()
    return None if first is None else (first, last)


def within(
    findings: pd.DataFrame, analyst: "Analyst", watched: tuple[datetime, datetime] | None
) -> pd.DataFrame:
    """Return the findings of days on which tracks are known: elsewhere nobody can say how much was looked."""
    if watched is None:
        return findings
    zone, epoch = analyst.site.settings.zone, datetime(1970, 1, 1).date()
    first, last = ((instant.astimezone(zone).date() - epoch).days for instant in watched)
    return findings[findings["day"].between(first, last)]


def begun(passes: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Return the passes that began in the period asked for, as effort counts them."""
    if asked.since is not None:
        passes = passes[passes["started_at"] >= pd.Timestamp(asked.since)]
    return passes if asked.until is None else passes[passes["started_at"] < pd.Timestamp(asked.until)]
