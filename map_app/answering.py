"""The data of each map, from what was asked to what the browser draws; the same for pages and exports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import rasterio

from layers.analysis import heat_rate, street_heat
from layers.analysis import hotspots as hotspots_of
from layers.analysis.hotspots import Asked as HotspotsAsked
from layers.analysis.questions import Analyst
from layers.language import gettext, ngettext
from map_app import basis, coverage_words, heat_words, hotspot_words, legend, parking_words
from map_app.maps import density, findings, heat, hotspots, parking, pictures
from map_app.style import Entry
from map_app.words import Choice, number

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to a map: of whom, what, when; `inside` if the page carries all texts itself."""

    analyst: Analyst
    choice: Choice
    now: datetime
    inside: bool = False
    heat_tiles: Callable[[str], str] | None = None
    hotspot_page: Callable[[str], str] | None = None


def answer(name: str, asked: Asked) -> Answer:
    """Return what the map `name` draws and says."""
    return _ANSWERS[name](asked)


def _findings(asked: Asked) -> Answer:
    chosen, entries = _chosen(asked)
    inside = _texts(chosen) if asked.inside else None
    outside = gettext("Findings outside the streets are drawn, but belong to no block.")
    return {
        "headline": _n_findings(len(chosen)),
        "layer": findings.layer(chosen, entries, inside=inside),
        "basis": basis.of_findings(asked.analyst, asked.choice, chosen, [outside], asked.now),
    }


def _hotspots(asked: Asked) -> Answer:
    found = hotspot_words.ask(asked.analyst, asked.choice)
    items = hotspot_words.stretches(asked.analyst, found, asked.hotspot_page)
    numbers = asked.analyst.block_numbers()
    unknown = "Nobody lives there" if found.residents else "Not observed"
    layer = hotspots.layer(found.blocks, numbers, items, gettext, unknown=unknown, texts=asked.inside)
    if asked.inside:
        # a page of the server asks for this afterwards: it takes longer than the map
        layer["forecasts"] = hotspot_words.forecasts(asked.analyst, asked.choice)
    return {
        "headline": hotspot_words.headline(found),
        "layer": layer,
        "basis": hotspot_words.basis_of(asked.analyst, asked.choice, found, asked.now),
    }


def _density(asked: Asked) -> Answer:
    why_not = _no_rate(asked)
    if asked.choice.show == "streets" and why_not is None:
        return _street_heat(asked)
    chosen, _ = _chosen(asked)
    blocks = asked.analyst.density(asked.choice.wanted)
    left_out = gettext(
        "An ambiguous finding counts on its two likeliest blocks by their probabilities; findings outside "
        "the streets are left out. Blocks under 50 m count as 50 m long."
    )
    return {
        "headline": ngettext(
            "%(count)s block with findings, counted by probability",
            "%(count)s blocks with findings, counted by probability",
            len(blocks),
            count=number(len(blocks)),
        ),
        "layer": density.layer(blocks, asked.analyst.block_numbers(), gettext, texts=asked.inside),
        "basis": basis.of_findings(
            asked.analyst,
            asked.choice,
            chosen,
            [left_out, *([why_not] if why_not and asked.choice.show == "streets" else [])],
            asked.now,
            by_weights=True,
        ),
    }


def _street_heat(asked: Asked) -> Answer:
    question = HotspotsAsked.of(asked.choice.wanted)
    found, rates = hotspots_of.find(asked.analyst, question), street_heat.per_block(asked.analyst, question)
    numbers = asked.analyst.block_numbers()
    return {
        "headline": gettext(
            "%(n)s findings on %(km)s inspected km",
            n=number(len(found.findings)),
            km=number(found.effort_km, 1),
        ),
        "layer": density.layer(rates, numbers, gettext, by="per_km", texts=asked.inside),
        "basis": heat_words.of_streets(asked.analyst, asked.choice, found, asked.now),
    }


def _heat(asked: Asked) -> Answer:
    why_not = _no_rate(asked)
    if asked.choice.show == "rate" and why_not is None:
        return _heat_rate(asked)
    chosen, _ = _chosen(asked)
    key, path = asked.analyst.heat(asked.choice.wanted)
    missing = [
        gettext("Findings outside the streets are left out."),
        *([why_not] if why_not and asked.choice.show == "rate" else []),
        gettext("Counts, not corrected for patrol effort: where more is patrolled, more is found."),
    ]
    return {
        "headline": _n_findings(int((~chosen["outside"].eq(True)).sum())),
        "layer": _surface(asked, key, path, gettext("Findings per hectare")),
        "basis": basis.of_findings(asked.analyst, asked.choice, chosen, missing, asked.now),
    }


def _no_rate(asked: Asked) -> str | None:
    """Return why findings cannot be set against effort; None if they can."""
    wanted = asked.choice.wanted
    if wanted.within is not None or wanted.district_id is not None:
        return gettext("Of a part of the city only counts are shown: effort is known for the whole.")
    if hotspots_of.watched_from_until(asked.analyst, HotspotsAsked.of(wanted)) is None:
        return gettext("There are no tracks, so only counts are shown.")
    return None


def _heat_rate(asked: Asked) -> Answer:
    question = HotspotsAsked.of(asked.choice.wanted)
    found = hotspots_of.find(asked.analyst, question)
    key, path = heat_rate.file(asked.analyst, question, asked.now)
    return {
        "headline": gettext(
            "%(n)s findings on %(km)s inspected km",
            n=number(len(found.findings)),
            km=number(found.effort_km, 1),
        ),
        "layer": _surface(asked, key, path, gettext("Found per inspected km")),
        "basis": heat_words.of_surface(asked.analyst, asked.choice, found, asked.now),
    }


def _surface(asked: Asked, key: str, path: Path, unit: str) -> Answer:
    """Return a surface as tiles of our server, or as one picture that the page carries."""
    with rasterio.open(path) as file:
        top = float(file.tags()["top"])
    if asked.heat_tiles is not None:
        return heat.layer(top, unit, tiles=asked.heat_tiles(key))
    picture, bounds = pictures.whole(path, top)
    return heat.layer(top, unit, image=heat.data_url(picture), bounds=bounds)


def _coverage(asked: Asked) -> Answer:
    return coverage_words.answer(asked.analyst, asked.choice.coverage, asked.now, inside=asked.inside)


def _parking(asked: Asked) -> Answer:
    found = parking_words.ask(asked.analyst, asked.choice)
    items = parking_words.stretches(asked.analyst, found)
    numbers = asked.analyst.block_numbers()
    return {
        "headline": parking_words.headline(found),
        "layer": parking.layer(found.blocks, numbers, items, gettext, texts=asked.inside),
        "basis": parking_words.basis_of(asked.analyst, asked.choice, found, asked.now),
    }


_ANSWERS: dict[str, Callable[[Asked], Answer]] = {
    "findings": _findings,
    "hotspots": _hotspots,
    "density": _density,
    "heat": _heat,
    "coverage": _coverage,
    "parking": _parking,
}


def _chosen(asked: Asked) -> tuple[pd.DataFrame, list[Entry]]:
    """Return the chosen findings, each with its line of the legend, and the legend."""
    lines, which = legend.entries(asked.analyst.site.taxonomy, asked.analyst.used_categories())
    chosen = asked.analyst.findings(asked.choice.wanted)
    keys = pd.MultiIndex.from_arrays([chosen["scheme"], chosen["code"]])
    entry = pd.Series(which, dtype=int).reindex(keys).fillna(max(len(lines) - 1, 0)).to_numpy(dtype=int)
    return chosen.assign(entry=entry), lines


def _texts(chosen: pd.DataFrame) -> dict[str, tuple[str, pd.Series]]:
    shortened = chosen["note"].map(lambda note: note[:160] if isinstance(note, str) else note)
    return {
        "street": (gettext("Street"), chosen["street_name"]),
        "note": (gettext("Note"), shortened),
    }


def _n_findings(n: int) -> str:
    return ngettext("%(count)s finding", "%(count)s findings", n, count=number(n))
