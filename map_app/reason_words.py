"""Why a block is walked, in words."""

from collections.abc import Mapping
from typing import Any

from geo.patrols import Lot, Route
from layers.language import gettext
from map_app.words import number


def reason(name: str) -> str:
    """Return what a reason of `layers.analysis.patrol_plan` is called."""
    return {
        "recheck": gettext("re-check due"),
        "school": gettext("school, before the bell"),
        "overdue": gettext("overdue"),
        "likely": gettext("likely spot"),
        "sample": gettext("drawn by lot"),
        "": gettext("on the way"),
    }[name]


def drawn(route: Route) -> dict[str, Any]:
    """Return what is kept of a walk's lot; see `lot`."""
    of = route.lot
    return {
        "n_blocks": of.n_blocks,
        "length_m": round(of.length_m, 1),
        "share": round(of.share, 4),
        "school": route.bell is not None,
    }


def lot(kept: Mapping[str, Any]) -> tuple[bool, str]:
    """Return if a walk has no honest sample to speak of, and from what its blocks were drawn, or why not."""
    of = Lot(int(kept["n_blocks"]), float(kept["length_m"]), float(kept["share"]))
    if of.is_missing and of.n_blocks and of.share > 0:
        told = gettext(
            "%(share)s %% of the shift only: too few streets are in reach", share=number(100 * of.share, 1)
        )
    elif of.is_missing and kept["school"]:
        told = gettext("none: the streets around the school before the bell leave no time for it")
    elif of.is_missing:
        told = gettext("none: no street is so near that there is time to go there, look and be back")
    else:
        told = gettext(
            "%(share)s %% of the shift: a place anew each day and team among the %(n)s blocks (%(km)s km) in "
            "reach, each as likely as any other, whatever was found there: an honest sample of these, not of "
            "what lies farther off",
            share=number(100 * of.share, 1),
            n=number(of.n_blocks),
            km=number(of.length_m / 1000, 1),
        )
    return of.is_missing, told
