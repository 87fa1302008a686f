"""What is said of measures on streets, and of what findings did before and after them."""

from dataclasses import dataclass

from layers.analysis.parking_displacement import FEWEST_BEFORE, Displacement
from layers.analysis.what_was_done import Done, Event
from layers.field.measures import KINDS, Measure
from layers.language import gettext
from map_app import parking_street_words


@dataclass(frozen=True, slots=True)
class Compared:
    """A measure with what was found before and after it, here and around."""

    name: str
    cells: list[str]
    sentence: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what happened."""

    day: str
    what: str
    by: str
    note: str
    number: int | None
    finding_uuid: str | None
    check_uuid: str | None


def kind(known: str) -> str:
    """Return what a kind of measure is called."""
    return {
        "order": gettext("order issued"),
        "fixed": gettext("put right"),
        "verified": gettext("verified"),
        "enforced": gettext("enforcement: towed or fined"),
        "bays": gettext("bays painted"),
        "barrier": gettext("barriers set"),
        "other": gettext("something else"),
    }[known]


def kinds() -> list[tuple[str, str]]:
    """Return all kinds with their names."""
    return [(one, kind(one)) for one in KINDS]


def lines(done: Done) -> list[Line]:
    """Return what happened, line by line."""
    return [
        Line(
            day=one.on.isoformat(),
            what=_what(one),
            by=one.by,
            note=one.note or "",
            number=one.measure.id if one.measure else None,
            finding_uuid=one.finding_uuid,
            check_uuid=one.check_uuid,
        )
        for one in done.events
    ]


def _what(event: Event) -> str:
    if event.measure is not None:
        return kind(event.measure.kind)
    if event.kind == "check":
        return gettext("looked at: all in order")
    return gettext("relapsed: found again")


def compared(done: Done) -> list[Compared]:
    """Return the measures that were compared."""
    return [_compared(one, moved) for one, moved in done.compared]


def _compared(one: Measure, moved: Displacement) -> Compared:
    cells = []
    for when in (0, 1):
        n, km = float(moved.vehicles[when, 0]), float(moved.km[when, 0])
        cells.append(f"{n:.1f} / {km:.1f} km" + (f" = {n / km:.2f}" if km else ""))
    cells += [parking_street_words.change(moved, place) for place in (0, 1)]
    return Compared(f"{one.done_on.isoformat()} {kind(one.kind)}", cells, _sentence(moved))


def _sentence(moved: Displacement) -> str:
    if moved.change is None:
        few = gettext("fewer than %(n)s findings were here before", n=f"{FEWEST_BEFORE:g}")
        return parking_street_words.thin(moved, few)
    words = {
        "less": gettext("fewer findings"),
        "more": gettext("more findings"),
        "same": gettext("no change beyond chance"),
    }
    here, around = (parking_street_words.which(moved.change, place) for place in ("spot", "ring"))
    return gettext("Here %(here)s, around it %(around)s.", here=words[here], around=words[around])
