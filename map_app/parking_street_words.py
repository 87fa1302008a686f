"""What is said of parked vehicles street by street: figures, cells, rules, what a measure changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from layers.analysis import parking_displacement as displacement
from layers.analysis.parking import REACH_M
from layers.analysis.parking_displacement import Displacement
from layers.analysis.parking_streets import FEWEST_VEHICLES, Streets
from layers.analysis.parking_weeks import FEWEST_WEEKS
from layers.analysis.questions import Analyst
from layers.language import gettext
from map_app import hotspot_words, parking_words
from map_app.words import Choice, number

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bin:
    """Some metres of one side of a block, as shares of its length, and how full they were."""

    left: float
    width: float
    row: int
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One block with what stood along it: on the left, the right, and on an unknown side."""

    name: str
    bins: list[Bin]


@dataclass(frozen=True, slots=True)
class Moved:
    """What changed with a measure: a sentence, and rows of the places before and after."""

    sentence: str
    is_known: bool
    rows: list[list[str]]
    rests: Rows


def figures(found: Streets) -> Rows:
    """Return the numbers of the whole city."""
    own = found.parking
    vehicles = float(own.blocks["vehicles"].sum())
    per_km = f"{vehicles / own.effort_km:.2f}" if own.effort_km else "–"
    per_hour = f"{vehicles / (found.minutes / 60):.2f}" if found.minutes else "–"
    return [
        (number(vehicles), gettext("vehicles in %(n)s sightings", n=number(len(own.findings)))),
        (per_km, gettext("per inspected km, %(km)s km", km=number(own.effort_km))),
        (per_hour, gettext("per inspected hour, %(hours)s h", hours=number(found.minutes / 60))),
        (number(float(own.blocks["bays"].sum())), gettext("bays known or assumed")),
        (
            number(int(found.table["is_persistent"].sum())),
            gettext("streets with vehicles week after week"),
        ),
    ]


def rules(found: Streets) -> dict[str, str]:
    """Return how the two lists come about."""
    return {
        "paint": gettext(
            "More stands in reach (%(reach)s m along the streets) than there are bays, no danger: no school "
            "gate, no marked no-parking stretch, no main road. At least %(fewest)s vehicles. Ranked by the "
            "lower end of vehicles per pass.",
            reach=f"{REACH_M:g}",
            fewest=f"{FEWEST_VEHICLES:g}",
        ),
        "tow": parking_words.towing(found.parking)
        + " "
        + gettext(
            "Vehicles stood there in at least %(weeks)s weeks and in half of those in which somebody looked. "
            "Ranked by the lower end of vehicles per pass.",
            weeks=FEWEST_WEEKS,
        ),
    }


def place_cells(place: Any) -> list[str]:
    """Return what a list says of a place."""
    return [
        number(place.length_m),
        f"{place.standing:.2f} ({place.standing_low:.2f} – {place.standing_high:.2f})",
        number(place.vehicles, 1),
        number(place.effort_m / 1000, 1),
        number(place.bays_near),
        weeks_of(place.stood, place.looked),
    ]


def weeks_of(stood: int, looked: int) -> str:
    """Return in how many weeks vehicles stood there, of those in which somebody looked."""
    return gettext("%(stood)s of %(looked)s", stood=stood, looked=looked)


def street_name(row: Any) -> str:
    """Return what a street is called."""
    own = hotspot_words.text(row["name"])
    near = hotspot_words.text(row["near_name"])
    if own is None and near is not None:
        return gettext("nameless street near %(name)s", name=near)
    return own or gettext("(no name)")


def street_cells(row: Any) -> list[str]:
    """Return what the table says of a street."""
    return [
        number(row["vehicles"], 1),
        number(row["effort_km"], 1),
        _interval(row),
        _or_none(row["per_hour"], 2),
        number(row["bays"]),
        number(row["bays_near"]),
        number(row["no_parking_m"]),
        weeks_of(row["weeks_stood"], row["weeks_looked"]),
    ]


def street_rows(row: Any) -> Rows:
    """Return what the page of a street says of it."""
    return [
        (gettext("Length"), f"{number(row['length_m'])} m"),
        (gettext("Vehicles in all"), number(row["vehicles"], 1)),
        (gettext("Inspected"), gettext("%(km)s km in all passes", km=number(row["effort_km"], 1))),
        (gettext("Per inspected km"), _interval(row)),
        (gettext("Per inspected hour"), _or_none(row["per_hour"], 2)),
        (gettext("Standing in reach"), number(row["standing_near"], 1)),
        (gettext("Bays at the street"), number(row["bays"])),
        (gettext("Bays in reach"), number(row["bays_near"])),
        (gettext("No parking, m"), number(row["no_parking_m"])),
        (gettext("Weeks with vehicles"), weeks_of(row["weeks_stood"], row["weeks_looked"])),
    ]


def _interval(row: Any) -> str:
    if pd.isna(row["per_km"]):
        return "–"
    return f"{row['per_km']:.2f} ({row['per_km_low']:.2f} – {row['per_km_high']:.2f})"


def _or_none(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else number(value, digits)


_SIDES = ("left", "right", "unknown")


def strips(bins: pd.DataFrame, blocks: pd.DataFrame, most: int = 12) -> list[Strip]:
    """Return the blocks with the most vehicles, each cut into its bins."""
    if not len(bins):
        return []
    fullest = int(bins["n_vehicles"].max())
    order = bins.groupby("block_id")["n_vehicles"].sum().sort_values(ascending=False).index[:most]
    told = []
    for block_id in order:
        block: Any = blocks.loc[block_id]
        length, name = float(block["length_m"]), hotspot_words.text(block["name"])
        own = bins[bins["block_id"] == block_id]
        parts = [
            Bin(
                left=one.from_m / length,
                width=(one.to_m - one.from_m) / length,
                row=_SIDES.index(one.side),
                share=one.n_vehicles / fullest,
                text=f"{one.from_m:.0f} – {one.to_m:.0f} m: {one.n_vehicles} ({side(one.side)})",
            )
            for one in own.itertuples()
        ]
        told.append(Strip(f"{name or gettext('(no name)')}, {length:.0f} m", parts))
    return told


def side(known: str) -> str:
    """Return what a side of a street is called."""
    return {
        "left": gettext("left side"),
        "right": gettext("right side"),
        "unknown": gettext("side unknown"),
    }[known]


def days(moved: Displacement) -> Rows:
    """Return which days a comparison is of."""
    return [
        (gettext("Before"), _days(moved.since, moved.acted_on)),
        (gettext("After"), _days(moved.acted_on, moved.until)),
    ]


def displaced(moved: Displacement) -> Moved:
    """Return what changed at a street and around it, or why nothing can be said."""
    names = (gettext("This street"), gettext("The ring around it"), gettext("The rest of the city"))
    rows = []
    for place, name in enumerate(names):
        cells = [name, number(float(moved.length_km[place]), 1)]
        for when in (0, 1):
            n, km = float(moved.vehicles[when, place]), float(moved.km[when, place])
            cells.append(f"{n:.1f} / {km:.1f} km" + (f" = {n / km:.2f}" if km else ""))
        cells.append(change(moved, place))
        rows.append(cells)
    rests = [
        *days(moved),
        (
            gettext("Spread"),
            gettext(
                "counts scatter %(spread)s times as much as chance; intervals (90 %%) are that much wider",
                spread=f"{moved.spread:.2f}",
            ),
        ),
        (
            gettext("Ring"),
            gettext(
                "streets within %(reach)s m along the streets; changes are set against the rest of the city",
                reach=f"{REACH_M:g}",
            ),
        ),
    ]
    return Moved(_sentence(moved), moved.thin is None, rows, rests)


def _days(first: Any, last: Any) -> str:
    shown = [one.date() if isinstance(one, datetime) else one for one in (first, last)]
    return " – ".join(one.isoformat() if one else "?" for one in shown)


def change(moved: Displacement, place: int) -> str:
    """Return by how much a place changed, with its interval."""
    if moved.change is None or place == len(_PLACES):
        return "–"
    low, high = moved.change[f"{_PLACES[place]}_low"], moved.change[f"{_PLACES[place]}_high"]
    return f"× {moved.change[_PLACES[place]]:.2f} ({low:.2f} – {high:.2f})"


_PLACES = ("spot", "ring")


def thin(moved: Displacement, few: str) -> str:
    """Return that nothing can be said, and why; `few` says it of too few before."""
    reasons = {
        "no tracks": gettext("no tracks are known both before and after that day"),
        "spot": gettext(
            "this street was passed fewer than %(n)s times on one side of that day",
            n=f"{displacement.FEWEST_PASSES_SPOT:g}",
        ),
        "ring": gettext("the streets around it were hardly looked at on one side of that day"),
        "few": few,
    }
    return gettext("Nothing can be said: %(reason)s.", reason=reasons[moved.thin or "few"])


def _sentence(moved: Displacement) -> str:
    if moved.change is None:
        few = gettext("fewer than %(n)s vehicles stood here before", n=f"{displacement.FEWEST_BEFORE:g}")
        return thin(moved, few)
    here, around = which(moved.change, "spot"), which(moved.change, "ring")
    words = {
        "less": gettext("fewer vehicles"),
        "more": gettext("more vehicles"),
        "same": gettext("no change beyond chance"),
    }
    told = gettext(
        "On this street %(here)s, in the ring around it %(around)s.", here=words[here], around=words[around]
    )
    if here == "less" and around == "more":
        return told + " " + gettext("Vehicles moved next door.")
    if here == "less" and around == "less":
        return told + " " + gettext("The ring gained too.")
    return told


def which(change: dict[str, float], place: str) -> str:
    """Tell if a place has less, more, or the same as far as anybody can say."""
    if change[f"{place}_high"] < 1:
        return "less"
    return "more" if change[f"{place}_low"] > 1 else "same"


def basis_of(analyst: Analyst, choice: Choice, found: Streets, now: datetime) -> Rows:
    """Return what the page rests on."""
    said = parking_words.basis_of(analyst, choice, found.parking, now)
    spread = f"{found.weeks.spread:.2f}" if found.weeks else "–"
    how = gettext(
        "90 %%: exact Poisson, widened by how much more than chance the weekly counts of a street scatter "
        "(× %(spread)s)",
        spread=spread,
    )
    return [*said[:3], (gettext("Intervals"), how), *said[3:]]
