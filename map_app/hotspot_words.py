"""What is said of hotspots: stretches by name, cards, and what the statements rest on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import shapely

from geo import stretches as statistics
from geo.hotspots.emerging import FEWEST_FOR_TREND
from layers.analysis import hotspot_forecasts, hotspot_places, hotspots
from layers.analysis.hotspots import ALPHA, PUBLIC, RADIUS_M, Asked, Hotspots
from layers.analysis.questions import Analyst
from layers.language import gettext, ngettext
from map_app import basis
from map_app.maps.hotspots import intervals
from map_app.words import Choice, local_time, number

Rows = list[tuple[str, str]]


def ask(analyst: Analyst, choice: Choice) -> Hotspots:
    """Return the hotspots of what was chosen."""
    return hotspots.find(analyst, Asked.of(choice.wanted, choice.stream, choice.against))


def headline(found: Hotspots) -> str:
    """Return the result in one line."""
    if not found.n_observed:
        return gettext("Nobody looked in this period: nothing is known")
    n = len(found.places)
    return ngettext("%(count)s hotspot", "%(count)s hotspots", n, count=number(n))


def name(place: Any) -> str:
    """Return where a stretch is: its street, from crossing to crossing where these have names."""
    street, start, end, near = (text(place[key]) for key in ("name", "from_name", "to_name", "near_name"))
    if near:
        return gettext("nameless street near %(name)s", name=near)
    street = street or gettext("(no name)")
    if start and end:
        return gettext("%(name)s from %(start)s to %(end)s", name=street, start=start, end=end)
    one = start or end
    return gettext("%(name)s at %(one)s", name=street, one=one) if one else street


def text(value: Any) -> str | None:
    """Return a name; None for what is missing or empty."""
    return value if isinstance(value, str) and value else None


def label(known: str) -> str:
    """Return what a label of `geo.hotspots.label` is called."""
    return {
        "new": gettext("new"),
        "rising": gettext("rising"),
        "falling": gettext("falling"),
        "persistent": gettext("persistent"),
        "consecutive": gettext("hot for some periods now"),
        "recurring": gettext("comes and goes"),
        "past": gettext("over: hot before, not now"),
        "not observed": gettext("not observed of late"),
        "none": gettext("in no single period beyond chance"),
    }[known]


def over_time(cuts: Sequence[datetime]) -> str:
    """Return what a label rests on: periods between these instants."""
    if len(cuts) < 2:
        return gettext(
            "not compared: that takes %(n)s periods of at least %(days)s days with tracks",
            n=hotspot_places.FEWEST_PERIODS,
            days=hotspot_places.SHORTEST_PERIOD_DAYS,
        )
    return gettext(
        "%(n)s periods of %(days)s days, all tests one family; rising or falling is found against expected, "
        "two-sided at 5 %%, from %(least)s periods on",
        n=len(cuts) - 1,
        days=number((cuts[1] - cuts[0]).total_seconds() / 86400, 1),
        least=FEWEST_FOR_TREND,
    )


def weekdays() -> list[str]:
    """Return the days of the week, Monday first."""
    return [
        gettext("Monday"),
        gettext("Tuesday"),
        gettext("Wednesday"),
        gettext("Thursday"),
        gettext("Friday"),
        gettext("Saturday"),
        gettext("Sunday"),
    ]


def counts(place: Any) -> str:
    """Return how long a stretch is, and what was found there against what was to be expected."""
    whole = abs(place["found"] - round(place["found"])) < 0.05
    return gettext(
        "%(metres)s m, %(found)s found where %(expected)s were expected",
        metres=number(place["length_m"]),
        found=number(place["found"], 0 if whole else 1),
        expected=number(place["expected"], 1),
    )


def stretches(
    analyst: Analyst, found: Hotspots, address: Callable[[str], str] | None
) -> list[dict[str, Any]]:
    """Return the list beside the map, the largest excess first; `address` makes a stretch's page."""
    projection = analyst.site.network.projection
    items = []
    for place in found.places.to_dict("records"):
        lonlat = projection.to_lonlat(shapely.get_coordinates(place["geometry"])).round(6)
        (west, south), (east, north) = lonlat.min(axis=0).tolist(), lonlat.max(axis=0).tolist()
        items.append(
            {
                "text": name(place),
                "note": counts(place),
                "n": round(place["excess"], 1),
                "bounds": [[south, west], [north, east]],
                "rows": stretch_rows(place, found),
                "url": address(place["block_ids"][0]) if address else None,
            }
        )
    return items


def forecasts(analyst: Analyst, choice: Choice) -> Rows:
    """Return how three forecasts did on periods they had not seen."""
    tested = hotspot_forecasts.test(analyst, Asked.of(choice.wanted, choice.stream, choice.against))
    if tested is None:
        return [(gettext("Not tested"), gettext("too few days with tracks, or nothing found on them"))]
    names = {
        "patrol-corrected": gettext("Corrected for effort"),
        "last period": gettext("Last period's counts"),
        "moving average": gettext("Moving average of counts"),
    }
    said = [
        (
            names[str(name)],
            gettext(
                "%(per_km)s found per inspected km · PAI %(pai)s · PEI %(pei)s",
                per_km=_plain(row["found_per_km"]),
                pai=_plain(row["pai"]),
                pei=_plain(row["pei"]),
            ),
        )
        for name, row in tested.means.iterrows()
    ]
    how = gettext(
        "Each of %(n)s periods of %(days)s days from what was known before it; every forecast chooses "
        "%(share)s %% of the street length. PAI is how many times more than by chance it held, PEI the "
        "share of the best choice. No patrol was sent at random, so all lean to where patrols went.",
        n=int(tested.means["n_periods"].iloc[0]),
        days=f"{tested.days_a_period:.1f}",
        share=f"{100 * hotspot_forecasts.SHARE:g}",
    )
    return [*said, (gettext("How"), how)]


def _plain(value: float) -> str:
    return "–" if value != value else number(value, 2)  # noqa: PLR0124  NaN where nobody went


def stretch_rows(place: Any, found: Hotspots) -> Rows:
    """Return what a stretch's card says."""
    own = found.blocks.loc[list(place["block_ids"])]
    rows = [
        (gettext("Length"), f"{number(place['length_m'])} m"),
        (gettext("Found"), number(place["found"], 1)),
        (gettext("Expected"), number(place["expected"], 1)),
        (gettext("In excess"), f"{place['excess']:+,.1f}"),
        (gettext("Found / expected"), intervals(_together(own, found))[0]),
        (gettext("Smallest q"), f"{place['q']:.2g}"),
    ]
    if not found.declared:
        rows.insert(1, (gettext("Inspected"), _km(float(own["effort_m"].sum()))))
    return rows


def _together(own: pd.DataFrame, found: Hotspots) -> pd.DataFrame:
    """Return the ratio of some blocks' own findings, not of the neighbourhood of any of them."""
    phi = float(found.model.get("phi", 0.0))
    told = statistics.ratio(own["block_observed"], own["block_expected"], phi)
    return pd.DataFrame([told], columns=["ratio", "ratio_low", "ratio_high"])


def block_card(
    analyst: Analyst, block_number: int, choice: Choice, address: Callable[[str], str]
) -> dict[str, Any]:
    """Return what is said of a block: found against expected, with the interval, before any q."""
    one = analyst.block(block_number)
    found = ask(analyst, choice)
    here = found.blocks.loc[[str(one["block_id"])]]
    row: Any = here.iloc[0]
    rows = [(gettext("Length"), f"{one['length_m']:.0f} m")]
    if not row["observed_at_all"]:
        unknown = (
            gettext("nobody lives along here: there is no rate")
            if found.residents
            else gettext("not observed: nobody looked here")
        )
        rows.append((gettext("Hotspot"), unknown))
    else:
        if not found.declared:
            rows.append((gettext("Inspected"), _km(row["effort_m"])))
        rows += [
            (gettext("Found here"), number(row["block_observed"], 1)),
            (gettext("Expected here"), number(row["block_expected"], 1)),
            (gettext("Found around it"), number(row["observed"], 1)),
            (gettext("Expected there"), number(row["expected"], 1)),
            (gettext("Found / expected"), intervals(here)[0]),
            (
                gettext("Hotspot"),
                (gettext("yes, q = %(q)s") if row["hot"] else gettext("no, q = %(q)s"))
                % {"q": f"{row['q']:.2g}"},
            ),
        ]
    return {
        "title": text(one["name"]) or gettext("(no name)"),
        "rows": rows,
        "url": address(str(one["block_id"])),
    }


def _km(metres: float) -> str:
    return gettext("%(km)s km in all passes", km=number(metres / 1000, 1))


def basis_of(analyst: Analyst, choice: Choice, found: Hotspots, now: datetime) -> Rows:
    """Return what the map of hotspots rests on, and what it does not know."""
    said = basis.of_findings(analyst, choice, found.findings, missing(found, choice), now, by_weights=True)
    # what the model made of the findings stands right behind them
    return [*said[:2], *_model(analyst, found), *said[2:]]


def _model(analyst: Analyst, found: Hotspots) -> Rows:
    facts, n = found.model, number(found.n_observed)
    rows = [(gettext("Effort"), effort(analyst, found))]
    if "elasticity" in facts:
        rows += [
            (
                gettext("Elasticity"),
                _interval(facts, "elasticity") + _saturation(facts),
            ),
            (gettext("Overdispersion"), "φ = " + _interval(facts, "phi")),
        ]
    tested = gettext(
        "%(n)s blocks, %(radius)s m along streets; share of false places q ≤ %(alpha)s (Benjamini–Heller)",
        n=n,
        radius=f"{RADIUS_M:g}",
        alpha=f"{ALPHA:g}",
    )
    return [*rows, (gettext("Tested"), tested)]


def effort(analyst: Analyst, found: Hotspots) -> str:
    """Return what effort findings are set against."""
    if found.residents:
        known = found.residents.population
        return gettext(
            "declared, not measured: who lives along the streets stands in for it, %(n)s people (%(source)s)",
            n=number(found.residents.total),
            source=known.attribution or known.source,
        )
    if found.declared:
        return gettext("declared, not measured: the length of streets stands in for it")
    zone = analyst.site.settings.zone
    first, last = (local_time(at, zone, with_time=False) for at in found.watched or (None, None))
    return gettext(
        "%(km)s km inspected on %(n)s of %(all)s blocks, each pass counted; tracks from %(first)s to "
        "%(last)s",
        km=number(found.effort_km, 1),
        n=number(found.n_observed),
        all=number(len(found.blocks)),
        first=first,
        last=last,
    )


def _interval(facts: dict[str, Any], key: str) -> str:
    low, high = facts[f"{key}_low"], facts[f"{key}_high"]
    return f"{facts[key]:.2f} ({low:.2f} – {high:.2f})"


def _saturation(facts: dict[str, Any]) -> str:
    return gettext(": the more passes, the less each finds") if facts["elasticity_high"] < 1 else ""


def missing(found: Hotspots, choice: Choice) -> list[str]:
    """Return what hotspots leave out or assume."""
    said = [*left_out(found, choice), *lost(found), *seen_again(found)]
    if choice.wanted.categories is None:
        said.append(
            gettext("All kinds count together: what is much of one kind may not stand out; choose that kind.")
        )
    return said


def seen_again(found: Hotspots) -> list[str]:
    """Return how many findings count less because an earlier one probably reported the same thing."""
    if found.n_again < 1:
        return []
    return [
        gettext(
            "About %(n)s findings are of what an earlier one reported and was still there: what lasts "
            "counts once, each finding by the probability that it is new.",
            n=number(found.n_again),
        )
    ]


def left_out(found: Hotspots, choice: Choice) -> list[str]:
    """Return which findings are not counted, and what the effort does not know."""
    said = []
    if found.declared and choice.stream != PUBLIC:
        said.append(
            gettext("There are no tracks: nobody knows where patrols went, and these may be their haunts.")
        )
    if choice.stream == PUBLIC:
        said.append(gettext("Where more people live or report, more is reported; no patrol explains that."))
    if found.n_other:
        other = (
            gettext("%(n)s findings of patrols are a stream of their own and not counted.")
            if choice.stream == PUBLIC
            else gettext("%(n)s reports of the public are a stream of their own and not counted.")
        )
        said.append(other % {"n": number(found.n_other)})
    if found.n_unwatched:
        said.append(
            gettext(
                "%(n)s findings of days before the first or after the last track are not counted.",
                n=number(found.n_unwatched),
            )
        )
    if found.residents:
        said.append(
            gettext("Who passes, shops or works there is not known; streets where nobody lives have no rate.")
        )
    return said


def lost(found: Hotspots) -> list[str]:
    """Return how many findings, or parts of them, count on no street that was inspected."""
    on_network = found.findings["block_id"].notna()
    off = int((~on_network).sum())
    rest = float(found.findings["new"][on_network].sum()) - float(found.model.get("n_findings", 0.0))
    said = []
    if off:
        said.append(gettext("%(n)s findings lie off the network and are not counted.", n=number(off)))
    if rest >= 0.5:
        said.append(
            gettext(
                "%(n)s findings in all are lost where it may be a third street, or none: only the two "
                "likeliest count, each with its probability.",
                n=number(rest, 1),
            )
        )
    if found.model.get("n_not_observed"):
        said.append(
            gettext(
                "%(n)s findings lie on blocks that no track inspected and are not counted.",
                n=number(found.model["n_not_observed"], 1),
            )
        )
    return said
