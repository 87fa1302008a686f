"""The cards that a click on a map opens."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from geo.compass import facing
from layers.analysis import coverage_choice
from layers.analysis.coverage_choice import Asked
from layers.analysis.questions import Analyst
from layers.city.networks import Network
from layers.field import access
from layers.field.findings import Finding
from layers.field.in_force import Decision
from layers.field.records import Placement
from layers.language import gettext
from layers.people import Account
from map_app.words import Choice, local_time, number, probability

Card = dict[str, Any]
_SIDES = {
    "left": "left side",
    "right": "right side",
    "north": "north side",
    "east": "east side",
    "south": "south side",
    "west": "west side",
}


def finding(analyst: Analyst, account: Account, fid: int, address: Callable[..., str]) -> Card:
    """Return what is said of a finding; `address` makes the addresses of pages."""
    found = access.finding(analyst.site, account, analyst.uuid_of(fid))
    photo = found.photos[0] if found.photos else None
    return {
        "rows": finding_rows(analyst, found),
        "url": address("pages.findings.one", uuid=found.uuid),
        "photo": address("pages.findings.photo", uuid=found.uuid, sha256=photo.sha256, small=1)
        if photo
        else None,
    }


def finding_rows(analyst: Analyst, found: Finding) -> list[tuple[str, str]]:
    """Return the first facts of a finding: when, where, what was noted."""
    rows = [
        (gettext("Observed"), local_time(found.observed_at, analyst.site.settings.zone)),
        (gettext("Street"), street(analyst, found)),
        (gettext("Note"), found.note or ""),
        (gettext("Reported by"), found.account_name),
    ]
    near = found.key_points[0] if found.key_points else None
    if near is not None:
        rows.insert(2, (gettext("Near"), f"{near.name or near.kind} · {near.distance_m:.0f} m"))
    return rows


def street(analyst: Analyst, found: Finding) -> str:
    """Return where a finding lies, with how sure that is or that a person decided it."""
    placed = found.placement
    if found.decision is not None:
        return _decided(analyst, found.decision)
    if placed is None:
        return gettext("not placed yet")
    if placed.outside or placed.block_id is None:
        return gettext("outside the streets")
    parts = [placed.street_name or gettext("(no name)"), *_side(analyst, placed)]
    if placed.p_block is not None:
        parts.append(probability(placed.p_block))
    if placed.ambiguous:
        parts.append(gettext("ambiguous"))
    return " · ".join(parts)


def _decided(analyst: Analyst, made: Decision) -> str:
    by_a_person = gettext("decided by a person")
    if made.block_id is None:
        return f"{gettext('outside the streets')} · {by_a_person}"
    return " · ".join([made.street_name or gettext("(no name)"), *_side(analyst, made), by_a_person])


def _side(analyst: Analyst, lies: Placement | Decision) -> list[str]:
    if lies.side not in {"left", "right"} or lies.chainage_m is None:
        return []
    network = analyst.site.network_or_none()
    of_now = network if network is not None and network.version == lies.network_version else None
    return [side_name(of_now, str(lies.block_id), lies.chainage_m, lies.side)]


def side_name(network: Network | None, block_id: str, chainage_m: float, side: str) -> str:
    """Return a side of a block as a person in the street calls it; where the streets are gone, as drawn."""
    if network is None:
        return gettext(_SIDES[side])
    return gettext(_SIDES[facing(network.line(block_id), chainage_m, side)])


def block(analyst: Analyst, block_number: int, choice: Choice, address: Callable[[str], str]) -> Card:
    """Return what is said of a block: its street, its findings, its last patrol."""
    one = analyst.block(block_number)
    block_id = str(one["block_id"])
    density = analyst.density(choice.wanted)
    rows = [(gettext("Length"), f"{one['length_m']:.0f} m")]
    rows += _counts(density, block_id) + _patrols(analyst, block_id, choice, analyst.site.settings.zone)
    title = one["name"] if isinstance(one["name"], str) and one["name"] else gettext("(no name)")
    return {"title": title, "rows": rows, "url": address(block_id)}


def _counts(density: pd.DataFrame, block_id: str) -> list[tuple[str, str]]:
    if block_id not in density.index:
        return [(gettext("Findings"), "0")]
    counts: Any = density.loc[block_id]
    return [
        (gettext("Findings (expected)"), number(counts["n"], 1)),
        (gettext("of these without doubt"), number(counts["n_sure"])),
        (gettext("per 100 m"), number(counts["per_100m"], 2)),
    ]


def _patrols(analyst: Analyst, block_id: str, choice: Choice, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return when a block was last inspected, and how often, by those whose passes the asker may see."""
    asked = Asked(account_id=choice.wanted.account_id)
    found = coverage_choice.chosen(analyst, asked)
    seen = found[(found["block_id"] == block_id) & (found["state"] == "inspected")]
    if seen.empty:
        return [(gettext("Last inspected"), gettext("never"))]
    last = seen["ended_at"].max().to_pydatetime()
    n = len(seen[["recording", "pass_no"]].drop_duplicates())
    return [(gettext("Last inspected"), local_time(last, zone)), (gettext("Passes"), number(n))]
