"""The guided first visit: what to look at first, for each kind of visitor."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from layers.language import gettext
from map_app.pages.gate import visitor
from map_app.pages.service import site

blueprint = Blueprint("tour", __name__)

# The start page offers the visit while a site holds no more findings than this, or is the demo city
FEW_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try, and where."""

    text: str
    link: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of visitor may try; `is_own` marks that of the account that is logged in."""

    title: str
    icon: str
    is_own: bool
    steps: list[Step]


@blueprint.get("/first-visit")
def first_visit() -> ResponseReturnValue:
    """Lead a visitor round."""
    facts = demo_facts()
    role = visitor().role
    parts = [
        Part(gettext("As an inspector"), "field", role == "inspector", _inspector()),
        Part(gettext("As a planner"), "density", role == "supervisor", _planner(is_demo=facts is not None)),
        Part(gettext("As a supervisor"), "list", role == "supervisor", _supervisor()),
        Part(gettext("As an administrator"), "people", role == "admin", _admin()),
    ]
    # one's own part first, the others in their order
    parts.sort(key=lambda part: not part.is_own)
    return render_template("map_app/tour.html", parts=parts, invented=_invented(facts))


def is_offered(n_findings: int) -> bool:
    """Tell whether the start page leads to the visit."""
    return n_findings <= FEW_FINDINGS or demo_facts() is not None


def demo_facts() -> dict[str, Any] | None:
    """Return what is known of the demo city; None on any other site."""
    facts: dict[str, Any] | None = site().facts().get("demo")
    return facts


def _invented(facts: dict[str, Any] | None) -> str | None:
    if facts is None:
        return None
    first = date.fromisoformat(facts["first_day"])
    return gettext(
        "This city is invented: no street, school or person in it is real. Its reports run from %(first)s to "
        "%(last)s; they were made by a script and handed in over the same interface that phones use.",
        first=first.isoformat(),
        last=(first + timedelta(days=facts["days"] - 1)).isoformat(),
    )


def _inspector() -> list[Step]:
    return [
        Step(
            gettext("Report something: choose a category, take the position, add a photo, send."),
            url_for("pages.field.page"),
            gettext("The page for the phone"),
        ),
        Step(gettext("Switch the network off and report again: it waits on the phone and is sent later.")),
        Step(
            gettext("Open your report: street, side of the street, how sure that is, and what lies near."),
            url_for("pages.findings.listed"),
            gettext("Your findings"),
        ),
    ]


def _planner(*, is_demo: bool) -> list[Step]:
    steps = [
        Step(
            gettext("Which streets have the most findings per 100 m? Click one of them."),
            url_for("pages.maps.density"),
            gettext("Findings by street"),
        ),
        Step(
            gettext("Was it patrolled more than others? Compare when each street was last patrolled."),
            url_for("pages.maps.coverage"),
            gettext("Coverage"),
        ),
        Step(
            gettext("Around which schools do the rules not hold, or has nobody looked? Open one."),
            url_for("pages.surroundings.listed"),
            gettext("Surroundings of schools"),
        ),
        Step(
            gettext("Choose one category or the last 7 days beside the map, and look again."),
            url_for("pages.maps.heat"),
            gettext("Heat map"),
        ),
    ]
    if is_demo:
        trap = gettext(
            "A trap: in one part of this city nothing is worse than elsewhere, patrols only go there again "
            "and again. Counts alone cannot tell it from the places that are truly bad."
        )
        steps.insert(2, Step(trap, url_for("pages.maps.hotspots"), gettext("Hotspots")))
    return steps


def _supervisor() -> list[Step]:
    return [
        Step(
            gettext("See every finding with its street, newest first; filter by area and category."),
            url_for("pages.findings.listed"),
            gettext("List of findings"),
        ),
        Step(
            gettext("Open one: where it was put, with what probability, in whose area, and its history."),
        ),
        Step(
            gettext("Zoom in on the map: a ring opens into single findings."),
            url_for("pages.maps.findings"),
            gettext("Map of findings"),
        ),
    ]


def _admin() -> list[Step]:
    return [
        Step(
            gettext("Make an account for a colleague, and limit it to an area."),
            url_for("pages.accounts.listed"),
            gettext("Accounts"),
        ),
        Step(
            gettext("Try the interface that phones and other programs use, with a token of your own."),
            "/api/v1/docs",
            gettext("The interface"),
        ),
        Step(gettext("Open your own city beside this one: make run OSM=city.osm.pbf PORT=8738")),
    ]
