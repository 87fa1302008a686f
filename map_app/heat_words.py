"""What maps of heat rest on: findings and effort smoothed alike, no model and no test."""

from datetime import datetime

from layers.analysis import heat, heat_rate, street_heat
from layers.analysis.hotspots import Hotspots
from layers.analysis.questions import Analyst
from layers.language import gettext
from map_app import basis, hotspot_words
from map_app.words import Choice, number


def of_surface(analyst: Analyst, choice: Choice, found: Hotspots, now: datetime) -> basis.Rows:
    """Return what the surface of findings per inspected kilometre rests on."""
    how = gettext(
        "findings where they were reported and inspected metres along the streets, both smoothed with a "
        "quartic kernel that reaches %(bandwidth)s m, then divided; nothing is said where less than "
        "%(least)s m were inspected in reach (weighted by nearness), nor farther than %(reach)s m from an "
        "inspected street",
        bandwidth=f"{heat.BANDWIDTH_M:g}",
        least=f"{heat_rate.LEAST_EFFORT_M:g}",
        reach=f"{heat.REACH_M:g}",
    )
    seen = found.blocks.index[found.blocks["observed_at_all"]]
    n = int((~found.findings["block_id"].isin(seen)).sum())
    off = gettext("%(n)s findings lie on no street that a track inspected and are not counted.", n=number(n))
    again = gettext("What lasts and is found again counts each time unless merged as a duplicate.")
    lost = [off, again] if n else [again]
    return _rows(analyst, choice, found, now, how=how, lost=lost, by_weights=False)


def of_streets(analyst: Analyst, choice: Choice, found: Hotspots, now: datetime) -> basis.Rows:
    """Return what the heat along the streets rests on."""
    how = gettext(
        "findings and inspected metres spread along the streets by the heat equation (sigma %(bandwidth)s "
        "m), then divided; nothing is said where there were fewer than %(passes)s passes around",
        bandwidth=f"{street_heat.BANDWIDTH_M:g}",
        passes=f"{street_heat.FEWEST_PASSES:g}",
    )
    lost = [*hotspot_words.lost(found), *hotspot_words.seen_again(found)]
    return _rows(analyst, choice, found, now, how=how, lost=lost, by_weights=True)


def _rows(
    analyst: Analyst,
    choice: Choice,
    found: Hotspots,
    now: datetime,
    *,
    how: str,
    lost: list[str],
    by_weights: bool,
) -> basis.Rows:
    missing = [
        *hotspot_words.left_out(found, choice),
        *lost,
        gettext("Rates are not tested: where more is found than patrols explain is on the map of hotspots."),
    ]
    said = basis.of_findings(analyst, choice, found.findings, missing, now, by_weights=by_weights)
    own = [(gettext("Effort"), hotspot_words.effort(analyst, found)), (gettext("How"), how)]
    return [*said[:2], *own, *said[2:]]
