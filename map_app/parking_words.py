"""What is said of vehicles parked wrongly: advice, cards, and what it rests on."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import shapely

from layers.analysis import parking
from layers.analysis.hotspots import Asked
from layers.analysis.parking import REACH_M, Parking
from layers.analysis.parking_supply import BAY_M2, BAYS_OF_POINT, GATE_M, Supply
from layers.analysis.questions import Analyst
from layers.language import gettext, ngettext
from map_app import basis, hotspot_words
from map_app.words import Choice, number

Rows = list[tuple[str, str]]


def ask(analyst: Analyst, choice: Choice) -> Parking:
    """Return what stands where, of what was chosen."""
    return parking.find(analyst, Asked.of(choice.wanted), choice.vehicle)


def advice(known: str) -> str:
    """Return what an advice of `geo.parking.demand_and_supply` is called."""
    return {
        "tow": gettext("tow: no bay can be here, more than usual stands, there is room in reach"),
        "nearby": gettext("make room nearby: no bay can be here, and there is no room in reach"),
        "paint": gettext("paint bays: there is no room in reach"),
        "guide": gettext("guide: there is room in reach"),
        "none": gettext("nothing was seen"),
        "not observed": gettext("not observed: nobody looked here"),
    }[known]


def no_bay(known: str) -> str:
    """Return why no bay can be painted on a block."""
    return {
        "marked": gettext("a marked no-parking stretch"),
        "gate": gettext("at a school's gate"),
        "class": gettext("on a main road"),
    }[known]


def headline(found: Parking) -> str:
    """Return the result in one line."""
    n = len(found.places)
    return ngettext(
        "%(count)s stretch with vehicles parked wrongly",
        "%(count)s stretches with vehicles parked wrongly",
        n,
        count=number(n),
    )


def stretches(analyst: Analyst, found: Parking) -> list[dict[str, Any]]:
    """Return the list beside the map, the most vehicles per pass first."""
    projection = analyst.site.network.projection
    items = []
    for place in found.places.to_dict("records"):
        lonlat = projection.to_lonlat(shapely.get_coordinates(place["geometry"])).round(6)
        (west, south), (east, north) = lonlat.min(axis=0).tolist(), lonlat.max(axis=0).tolist()
        items.append(
            {
                "text": hotspot_words.name(place),
                "note": f"{number(place['length_m'])} m · {advice(place['advice'])}",
                "n": round(place["standing"], 1),
                "bounds": [[south, west], [north, east]],
                "rows": [
                    (gettext("Advice"), advice(place["advice"])),
                    (gettext("Vehicles seen per pass"), number(place["standing"], 2)),
                    (gettext("Vehicles in all"), number(place["vehicles"], 1)),
                    (gettext("Per inspected km"), _rate(place["vehicles"], place["effort_m"])),
                    (gettext("Standing in reach"), number(place["standing_near"], 1)),
                    (gettext("Bays in reach"), number(place["bays_near"])),
                ],
                "url": None,
            }
        )
    return items


def _rate(vehicles: float, effort_m: float) -> str:
    return number(vehicles / effort_m * 1000, 2) if effort_m > 0 else "–"


def block_card(
    analyst: Analyst, block_number: int, choice: Choice, address: Callable[[str], str]
) -> dict[str, Any]:
    """Return what is said of a block: what stood there, with its interval, and the room in reach."""
    one = analyst.block(block_number)
    row: Any = ask(analyst, choice).blocks.loc[str(one["block_id"])]
    rows = [(gettext("Length"), f"{one['length_m']:.0f} m"), (gettext("Advice"), advice(row["advice"]))]
    if row["advice"] != "not observed":
        seen = f"{row['standing']:.2f} (90 %: {row['standing_low']:.2f} – {row['standing_high']:.2f})"
        rows += [
            (gettext("Vehicles seen per pass"), seen),
            (gettext("Per inspected km"), number(row["per_km"], 2)),
            (gettext("Standing in reach"), number(row["standing_near"], 1)),
            (gettext("Bays in reach"), number(row["bays_near"])),
        ]
    if row["no_bay"]:
        rows.append((gettext("No bay"), no_bay(row["no_bay"])))
    name = hotspot_words.text(one["name"]) or gettext("(no name)")
    return {"title": name, "rows": rows, "url": address(str(one["block_id"]))}


def basis_of(analyst: Analyst, choice: Choice, found: Parking, now: datetime) -> Rows:
    """Return what the map rests on, and what is assumed."""
    missing = [
        gettext(
            "Walking distance %(reach)s m along the streets. No bay within %(gate)s m of a school gate, nor "
            "on main roads.",
            reach=f"{REACH_M:g}",
            gate=f"{GATE_M:g}",
        ),
        towing(found),
        gettext("Seen per pass is arrivals times stay: many short stops and few long ones look the same."),
    ]
    if choice.vehicle == "car":
        missing = [*_rooms(found.supply), *missing]
    else:
        missing.insert(0, gettext("Where bicycles may be parked is not known: all of them lack room."))
    said = basis.of_findings(analyst, choice, found.findings, missing, now, by_weights=True)
    inspected = gettext("%(km)s km in all passes", km=number(found.effort_km, 1))
    return [*said[:2], (gettext("Effort"), inspected), *said[2:]]


def towing(found: Parking) -> str:
    """Return the rule by which towing is advised."""
    rule = gettext(
        "Tow only where no bay can be, where the lower end of the 90 % interval of vehicles per inspected km "
        "and per inspected hour is above the median of blocks with any, and where the bays in reach are at "
        "least as many as all that stands in reach."
    )
    usual = [found.usual["per_km"], found.usual["per_hour"]]
    if any(one != one for one in usual):  # noqa: PLR0124  NaN where nothing was seen
        return rule
    per_km, per_hour = (number(one, 2) for one in usual)
    return rule + gettext(
        " Here %(per_km)s per km and %(per_hour)s per hour.", per_km=per_km, per_hour=per_hour
    )


def _rooms(supply: Supply) -> list[str]:
    """Return how the room is known, and what is not known."""
    told, n = supply.places, supply.n_bays
    said = []
    if told["told"]:
        said.append(
            gettext(
                "Room is told for %(places)s car parks and bays: %(n)s vehicles.",
                places=number(told["told"]),
                n=number(n["told"]),
            )
        )
    else:
        said.append(gettext("Bays along streets are not known: import them."))
    if told["ground"] or told["point"]:
        said.append(
            gettext(
                "Bays are assumed of %(lots)s car parks: one per %(area)s m² of ground, %(bays)s where only "
                "a point is mapped (%(points)s).",
                lots=number(told["ground"] + told["point"]),
                area=f"{BAY_M2:g}",
                bays=f"{BAYS_OF_POINT:g}",
                points=number(told["point"]),
            )
        )
    if supply.n_marked:
        said.append(gettext("%(n)s no-parking stretches are marked.", n=number(supply.n_marked)))
    else:
        said.append(gettext("No-parking stretches are not known: import them."))
    return said
