"""What a map says about itself: period, counts, doubts, assumed errors, streets, moment."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import pandas as pd

from layers.analysis.questions import Analyst, error_summary
from layers.city import networks
from layers.errors import NotFoundError
from layers.field import words
from layers.language import gettext
from map_app.words import Choice, local_time, number

Rows = list[tuple[str, str]]


def of_findings(
    analyst: Analyst,
    choice: Choice,
    findings: pd.DataFrame,
    missing: Iterable[str],
    now: datetime,
    *,
    by_weights: bool = False,
) -> Rows:
    """Return what a map of findings is based on; `by_weights` if it counts them on blocks."""
    return [
        (gettext("Period"), period(analyst, choice)),
        (gettext("Findings"), number(len(findings)) + _whose(choice)),
        (gettext("On a street"), placed(findings)),
        (gettext("Outside the streets"), _outside(findings)),
        (gettext("How they count"), weights() if by_weights else _once()),
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


def weights() -> str:
    """Return how findings count on blocks."""
    return gettext(
        "by weights: on the likeliest block and the runner-up with the probability of each; on one block "
        "whole where a person decided"
    )


def _once() -> str:
    return gettext("each once, where it was reported; no block is chosen")


def placed(findings: pd.DataFrame) -> str:
    """Return how many findings lie on a street, how many of them in doubt, how many decided by a person."""
    on_block = findings["block_id"].notna()
    ambiguous = int((findings["ambiguous"].eq(True) & on_block).sum())
    text = gettext(
        "%(n)s, of these %(ambiguous)s ambiguous", n=number(int(on_block.sum())), ambiguous=number(ambiguous)
    )
    decided = int((findings["decided"] & on_block).sum())
    return text + gettext(", %(n)s decided by a person", n=number(decided))


def _outside(findings: pd.DataFrame) -> str:
    outside = findings["outside"].eq(True)
    n, decided = number(int(outside.sum())), int((findings["decided"] & outside).sum())
    if not decided:
        return n
    return gettext("%(n)s, of these %(decided)s decided by a person", n=n, decided=number(decided))


def _errors(findings: pd.DataFrame) -> str:
    parts = [
        f"{source_name(source)} σ {sd:g} m ({number(n)})"
        for source, n, sd in error_summary(findings)
        if not math.isnan(sd)
    ]
    return "; ".join(parts)


def source_name(source: str) -> str:
    """Return what a source of positions is called."""
    return words.said(words.SOURCES, source) or source


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
