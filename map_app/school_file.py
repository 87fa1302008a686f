"""The map and the list of schools as a file that opens from disk: how their surroundings stand."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from jinja2 import Environment

from layers.analysis import school_history, surroundings
from layers.analysis.questions import Analyst
from layers.language import current, gettext
from map_app import icons, rule_words
from map_app import surroundings_words as words
from map_app.maps import base
from map_app.maps import surroundings as drawing
from map_app.maps.base import Ground
from map_app.words import local_time

NAME = "schools"


def title() -> str:
    """Return what the page is about."""
    return gettext("Surroundings of schools")


def page(
    analyst: Analyst,
    templates: Environment,
    ground: Ground,
    *,
    links: Sequence[tuple[str, str]],
    scripts: Sequence[str],
    now: datetime,
) -> str:
    """Return the page; it names schools and counts, nothing that somebody reported and nobody."""
    settings = analyst.site.settings
    found = surroundings.status(analyst, now, settings.surroundings_days).schools
    by_week = school_history.weeks(analyst, now, settings.surroundings_days)
    held_since, first = school_history.since(by_week), str(by_week.columns[0])
    rows = found.to_dict("records")
    counts = Counter(found["status"])
    return templates.get_template("map_app/exported_schools.html").render(
        parts=base.parts(drawing.overview(ground, [words.dot(row, settings.zone) for row in rows])),
        schools=[
            {
                **words.school(row, settings.zone),
                "since": words.since(str(held_since[row["fid"]]), first, settings.zone),
            }
            for row in rows
        ],
        counts=[
            (rule_words.word(rule_words.STATUS, name), counts.get(name, 0), colour)
            for name, colour in drawing.STATUS_COLOURS.items()
        ],
        title=title(),
        name=NAME,
        pages=links,
        scripts=scripts,
        days=settings.surroundings_days,
        made=local_time(now, settings.zone),
        lang="zh-CN" if current() == "zh" else current(),
        brand=icons.brand(),
    )
