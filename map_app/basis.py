"""What a map says about itself: period, counts, doubts, assumed errors, streets, moment."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import pandas as pd

from layers.analysis.questions import Analyst, error_summary
from layers.city import networks
from layers.errors import NotFoundError
from layers.language import gettext
from map_app.words import Choice, local_time, number

Rows = list[tuple[str, str]]
_SOURCES = {
    "phone": "phone",
    "geocoded": "address",
    "parcel": "parcel",
    "map": "map",
    "exif": "photo",
}


def of_findings(
    analyst: Analyst, choice: Choice, findings: pd.DataFrame, missing: Iterable[str], now: datetime
) -> Rows:
    """Return what a map of findings is based on."""
    return [
        (gettext("Period"), period(analyst, choice)),
        (gettext("Findings"), number(len(findings)) + _whose(choice)),
        (gettext("On a street"), _placed(findings)),
        (gettext("Outside the streets"), number(int(findings["outside"].eq(True).sum()))),
        (gettext("Position error assumed"), _errors(findings)),
        *of_streets(analyst, now),
        *_missing(missing),
    ]


def of_streets(analyst: Analyst, now: datetime) -> Rows:
    """Return which streets and which moment a map is of."""
    return [
        (gettext("Streets"), _streets(analyst)),
        (gettext("As of"), local_time(now, analyst.site.settings.zone)),
    ]


def period(analyst: Analyst, choice: Choice) -> str:
    """Return the chosen period; where an end is open, the day of the first or last finding."""
    first, last = analyst.span()
    zone = analyst.site.settings.zone
    begin = choice.first or (first.astimezone(zone).date() if first else None)
    end = choice.last or (last.astimezone(zone).date() if last else None)
    return f"{_day(begin)} – {_day(end)}"


def _day(day: date | None) -> str:
    return day.isoformat() if day else "?"


def _whose(choice: Choice) -> str:
    if choice.wanted.account_id is not None:
        return gettext(", only your own")
    return gettext(", only your areas") if choice.wanted.within is not None else ""


def _placed(findings: pd.DataFrame) -> str:
    n = int(findings["block_id"].notna().sum())
    ambiguous = int((findings["ambiguous"].eq(True) & findings["block_id"].notna()).sum())
    text = gettext("%(n)s, of these %(ambiguous)s ambiguous", n=number(n), ambiguous=number(ambiguous))
    decided = int(findings["decided"].sum()) if "decided" in findings else 0
    return text + (gettext(", %(n)s decided by a person", n=number(decided)) if decided else "")


def _errors(findings: pd.DataFrame) -> str:
    parts = [
        f"{source_name(source)} σ {sd:g} m ({number(n)})"
        for source, n, sd in error_summary(findings)
        if not math.isnan(sd)
    ]
    return "; ".join(parts)


def source_name(source: str) -> str:
    """Return what a source of positions is called."""
    return gettext(_SOURCES.get(source, source))


def fitted(errors: Mapping[str, Mapping[str, float]] | None) -> list[str]:
    """Return what the addresses of a file were found to be like, a sentence for each source."""
    return [
        gettext(
            "Position error fitted: %(source)s, %(offset)s ± %(spread)s m from the centre line",
            source=source_name(source),
            offset=number(one["offset_m"], 1),
            spread=number(one["offset_sd_m"], 1),
        )
        for source, one in (errors or {}).items()
    ]


def _streets(analyst: Analyst) -> str:
    try:
        with analyst.site.store.read() as conn:
            facts = networks.facts(conn)
    except NotFoundError:
        return gettext("none")
    return gettext(
        "version %(version)s: %(n)s blocks, %(km)s km, %(source)s",
        version=facts["version"],
        n=number(facts["n_blocks"]),
        km=number(facts["length_m"] / 1000),
        source=facts["source"],
    )


def _missing(texts: Iterable[str]) -> Rows:
    return [(gettext("Missing or assumed"), text) for text in texts]
