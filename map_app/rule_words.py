"""Distance rules and verdicts in words that people use; every word is in the catalogue."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from layers.city import taxonomy
from layers.city.clearance_rules import SITE_RULE, Kept
from layers.language import current, gettext

STATUS = {
    "breached": "breached",
    "to_measure": "looked at: to be measured on site",
    "undecided": "looked at: cannot be judged yet",
    "unverified": "unverified: nobody looked",
    "partly": "not inspected all round",
    "clear": "clear",
    "no_rule": "no rule in use applies",
}
NO_DATA = "no data yet"
VERDICT = {
    "breach": "breach",
    "clear": "clear of the rule",
    "indeterminate": "indeterminate",
    "measure_on_site": "measure on site",
}
MEASURED_FROM = {
    "boundary": "boundary",
    "gate": "gate",
    "gate_student": "student gate",
    "door": "door",
    "building": "building",
    "parcel": "parcel",
    "centroid": "middle of the ground",
    "point": "mapped point",
    "unspecified": "not stated",
}
MEASURED_TO = {
    "entrance": "entrance",
    "premises": "premises",
    "building": "building",
    "parcel": "parcel",
    "point": "mapped point",
    "stall": "stall",
    "unspecified": "not stated",
}
MEASURE = {
    "euclidean": "straight line",
    "network_walk": "walked",
    "along_street": "along the street front",
    "unspecified": "ruler not stated",
}
LEGAL = {
    "published": "published",
    "practice": "practice",
    "draft": "draft",
    "proposal": "proposal",
    "expired": "expired",
    "revoked": "revoked",
}
ON_BREACH = {"case": "opens a case", "notice": "notice to the department", "watch": "kept in view"}
GATES = {
    "main": "main gate",
    "student": "student gate",
    "side": "side gate",
    "staff": "staff gate",
    "vehicle": "vehicle gate",
    "fire_exit": "fire exit",
    "entrance": "entrance",
    "door": "door",
}
NOTES = {
    "only_a_point_is_known": "only a point of the place is mapped",
    "no_gate_known": "no gate is mapped",
    "ruler_or_origin_open": "the text leaves the ruler open",
    "rise_added_from_storey": "upper storeys add the way up",
    "no_network": "no street network",
    "network_unchecked": "crossings here are not verified",
    "off_network": "no way near it",
    "unverified_crossing": "the way uses a crossing nobody verified",
    "other_street": "on another street",
    "street_unknown": "street not known",
    "kind_unknown": "whether the rule protects it is not known: its level or who runs it is not recorded",
    "trade_unknown": "what is sold there is not recorded",
    "licence_unknown": "might be tolerated: date of the licence not known",
}
WAYS = {"street": "street", "crossing": "crossing", "footbridge": "footbridge", "path": "path"}
WAY_STATES = {
    "open": "nobody has verified it",
    "usable": "can be used",
    "absent": "not there",
    "barrier": "barrier",
}
ACTIVITY = {
    "street_vendor": "street trading",
    "food_vendor": "food stalls",
    "mobile_vendor": "mobile stalls",
    "e_cigarette": "e-cigarettes",
    "listed_harmful_uses": "listed harmful uses",
    "drug_sale": "drug sale",
    "dance_hall": "dance halls",
    "karaoke": "karaoke",
    "bar": "bars",
}
PROTECTED = {
    "special": "special schools",
    "vocational": "vocational schools",
    "specialised": "specialised schools",
    "junior": "junior secondary schools",
    "senior": "senior secondary schools",
    "university": "universities",
    "public_school": "public schools",
    "school_ground": "school grounds",
    "educational_institution": "educational institutions",
    "youth_populated_area": "places full of young people",
    "playground": "playgrounds",
    "church": "churches",
    "recreation": "recreation grounds",
    "childcare": "childcare",
    "youth_centre": "youth centres",
    "nursery": "nurseries",
}
DAYS = {
    "mon": "Mon",
    "tue": "Tue",
    "wed": "Wed",
    "thu": "Thu",
    "fri": "Fri",
    "sat": "Sat",
    "sun": "Sun",
}
SITE_TITLE = "Setting of this site"


def texts() -> set[str]:
    """Return every word that is looked up by a variable."""
    tables = (STATUS, VERDICT, MEASURED_FROM, MEASURED_TO, MEASURE, LEGAL, ON_BREACH)
    more = (GATES, NOTES, WAYS, WAY_STATES, ACTIVITY, PROTECTED, DAYS)
    return {SITE_TITLE, NO_DATA, *(word for table in (*tables, *more) for word in table.values())}


def word(table: Mapping[str, str], key: Any) -> str:
    """Return the word for a code; a code without one stands for itself."""
    return gettext(table[str(key)]) if str(key) in table else str(key)


def note(code: str) -> str:
    """Return what a reader must know about a verdict.

    >>> from layers import language
    >>> with language.using("en"):
    ...     note("other_street"), note("taken_by:KR-EDU-ABS-50")
    ('on another street', 'judged by KR-EDU-ABS-50')
    """
    what, _, rule = code.partition(":")
    return gettext("judged by %(rule)s", rule=rule) if what == "taken_by" else word(NOTES, code)


def kinds(table: Mapping[str, str], codes: Iterable[str]) -> str:
    """Return trades or places in words."""
    named = (word(table, code) if code in table else taxonomy.kind_name(code) for code in codes)
    return ("、" if current() == "zh" else ", ").join(named)


def ruler(content: Mapping[str, Any]) -> str:
    """Return from where to where and how a rule, or a verdict, measures."""
    return gettext(
        "%(start)s to %(end)s, %(measure)s",
        start=word(MEASURED_FROM, content.get("measured_from")),
        end=word(MEASURED_TO, content.get("measured_to")),
        measure=word(MEASURE, content.get("measure")),
    )


def assumed(content: Mapping[str, Any]) -> str:
    """Return what is taken where the text of a rule leaves its ruler open."""
    start, how = content.get("measured_from"), content.get("measure")
    parts = [word(MEASURED_FROM, start) if start else "", word(MEASURE, how) if how else ""]
    return ("，" if current() == "zh" else ", ").join(part for part in parts if part)


def distance(content: Mapping[str, Any]) -> str:
    """Return the distance of a rule, and on which side of it the distance itself lies."""
    metres = f"{float(content['distance_m']):,.4g}"
    if content.get("inclusive", True):
        return gettext("%(metres)s m, itself included", metres=metres)
    return gettext("less than %(metres)s m", metres=metres)


def title(kept: Kept) -> str:
    """Return what a rule is about: the trades, and the places it protects."""
    return gettext(
        "%(trades)s near %(places)s",
        trades=kinds(ACTIVITY, kept.content.get("activity") or ()),
        places=kinds(PROTECTED, kept.content.get("protected_kinds") or ()),
    )


def source(kept: Kept) -> str:
    """Return where a rule is written; what the product ships is named in the language in use."""
    if kept.rule_id == SITE_RULE and kept.version == 1:
        return gettext(SITE_TITLE)
    return gettext(kept.source) if kept.source else ""


def place(kept: Kept) -> str:
    """Return where a rule holds."""
    where = str(kept.content.get("jurisdiction") or "")
    return gettext(where) if where else ""


def original(label: str, text: str) -> str:
    """Return what a text of a rule is called; that it is as it was written, if that is in another language.

    >>> from layers import language
    >>> with language.using("en"):
    ...     original("Wording", "不少于200米"), original("Note", "as quoted")
    ('Wording, original text', 'Note')
    """
    is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in text)
    if is_chinese == (current() == "zh"):
        return label
    return gettext("%(label)s, original text", label=label)


def period(content: Mapping[str, Any]) -> str:
    """Return from when until when a rule holds."""
    begin, end = content.get("valid_from"), content.get("valid_to")
    if content.get("date_precision") == "year":
        begin, end = str(begin or "")[:4], str(end or "")[:4]
    if begin and end:
        return gettext("%(first)s to %(last)s", first=begin, last=end)
    if begin:
        return gettext("from %(first)s", first=begin)
    return gettext("until %(last)s", last=end) if end else gettext("dates not known")


def silence(kept: Kept, unrecorded: Sequence[str]) -> str:
    """Return of which trades a rule says nothing because none of them is recorded; nothing if all are."""
    if not unrecorded:
        return ""
    if len(unrecorded) == len(kept.content.get("activity") or ()):
        return gettext("no premises of this trade are recorded: it says nothing about them")
    return gettext("no premises are recorded of: %(trades)s", trades=kinds(ACTIVITY, unrecorded))


def window(content: Mapping[str, Any]) -> str:
    """Return on which days and hours a rule holds; nothing for always."""
    given = content.get("time_window") or {}
    names = [word(DAYS, day) for day in given.get("days") or ()]
    hours = [f"{start}–{end}" for start, end in given.get("hours") or ()]
    return " ".join([*names, *hours])
