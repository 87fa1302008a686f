"""What each map is about, in the reader's language."""

from dataclasses import dataclass

from layers.language import gettext

NAMES = ("findings", "hotspots", "density", "heat", "coverage", "parking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Titles and words of one map; `warning` is what nobody may overlook."""

    short: str
    title: str
    lead: str
    legend: str
    warning: str | None = None
    list: str | None = None
    extra: str | None = None


def subject(name: str) -> Subject:
    """Return what the map `name` is about."""
    return _SUBJECTS[name]()


def _findings() -> Subject:
    return Subject(
        short=gettext("Findings"),
        title=gettext("Map of findings"),
        lead=gettext("Every finding where it was reported. Rings gather many; a click opens them."),
        legend=gettext("Categories"),
    )


def _hotspots() -> Subject:
    return Subject(
        short=gettext("Hotspots"),
        title=gettext("Hotspots: more than patrols explain"),
        lead=gettext(
            "Found against what as much patrolling finds elsewhere, 250 m around each block along the "
            "streets. What nobody looked at is grey: it is not known, not good."
        ),
        legend=gettext("Found against expected, number of blocks"),
        list=gettext("Hotspots, most in excess first"),
        extra=gettext("Would such a map have led tomorrow's patrols?"),
    )


def _density() -> Subject:
    return Subject(
        short=gettext("By street"),
        title=gettext("Findings by street"),
        lead=gettext(
            "Findings per 100 m of street block, or per inspected kilometre within 150 m along the streets. "
            "A click shows the numbers of a block."
        ),
        legend=gettext("Scale, number of blocks"),
        warning=gettext(
            "Counts are not corrected for patrol effort: where more is patrolled, more is found. Rates are, "
            "but few passes make them jump."
        ),
    )


def _heat() -> Subject:
    return Subject(
        short=gettext("Heat map"),
        title=gettext("Heat map of findings"),
        lead=gettext(
            "Findings spread over 150 m around each, and so the inspected metres by which they are divided; "
            "blank where nobody looked."
        ),
        legend=gettext("Scale"),
        warning=gettext(
            "A rate falls where passes are many, and few findings make it jump: what is beyond chance is "
            "said by the other map. Counts are not corrected for patrol effort."
        ),
    )


def _coverage() -> Subject:
    return Subject(
        short=gettext("Coverage"),
        title=gettext("Where patrols have looked"),
        lead=gettext(
            "Both sides of every street, by the tracks of patrols matched to it: what was inspected and how "
            "long ago, what was only passed, and where nobody was."
        ),
        legend=gettext("Length of streets, by the better side"),
        list=gettext("Areas, least inspected first; km not inspected"),
    )


def _parking() -> Subject:
    return Subject(
        short=gettext("Parking"),
        title=gettext("Vehicles parked wrongly, and room for them"),
        lead=gettext(
            "What stands there per pass, against the bays within walking distance: where to paint, "
            "tow or guide."
        ),
        legend=gettext("Advice, number of blocks"),
        list=gettext("Stretches, most vehicles per pass first"),
    )


_SUBJECTS = {
    "findings": _findings,
    "hotspots": _hotspots,
    "density": _density,
    "heat": _heat,
    "coverage": _coverage,
    "parking": _parking,
}
