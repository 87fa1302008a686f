"""What the pages of places say about verdicts, streets and gates, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import shapely

from layers.analysis import school_history
from layers.city import taxonomy
from layers.city.clearance_rules import Kept
from layers.city.taxonomy import Taxonomy
from layers.language import gettext, ngettext
from map_app import rule_words
from map_app.maps.surroundings import NO_DATA_COLOUR, STATUS_COLOURS
from map_app.words import local_time, number

WORST_FIRST = ("breach", "measure_on_site", "indeterminate", "clear")


@dataclass(frozen=True, slots=True)
class Said:
    """What is needed to put verdicts into words: the rules by id and version, the categories, the zone."""

    rules: Mapping[tuple[str, int], Kept]
    categories: Taxonomy
    zone: ZoneInfo


def subjects(verdicts: pd.DataFrame, said: Said) -> list[dict[str, Any]]:
    """Return each finding and premises that was judged, the worst first, numbered; `verdict` is its worst."""
    rank = verdicts["verdict"].map({name: k for k, name in enumerate(WORST_FIRST)}) + 10 * verdicts[
        "tolerated"
    ].astype(int)
    ordered = verdicts.assign(rank=rank).sort_values(["rank", "distance_m"], kind="stable")
    first = ordered.drop_duplicates(["what", "premises_id"])
    return [
        {**_subject(row, said), "number": k, "key": (row["what"], row["premises_id"]), "row": row}
        for k, row in enumerate(first.to_dict("records"), start=1)
    ]


def by_rule(verdicts: pd.DataFrame, named: Sequence[Mapping[str, Any]], said: Said) -> list[dict[str, Any]]:
    """Return for each rule and version what it decided: those that are not clear, and those that are."""
    groups = []
    for (rule_id, version), own in verdicts.groupby(["rule_id", "rule_version"], sort=False):
        rule = said.rules[str(rule_id), int(str(version))]
        about = {one["key"]: one for one in named}
        lines = [{**about[row["what"], row["premises_id"]], **_line(row)} for row in own.to_dict("records")]
        lines.sort(key=lambda line: (line["number"], line["gate"]))
        limits = sorted({f"{limit:.4g}" for limit in own["limit_m"]})
        groups.append(
            {
                "id": rule_id,
                "version": version,
                "title": rule_words.title(rule),
                "source": rule_words.source(rule),
                "limit": " / ".join(limits),
                "distance": rule_words.distance(rule.content),
                "ruler": rule_words.ruler(dict(zip(own.columns, own.iloc[0], strict=True))),
                "assumed": bool(own["assumed"].any()),
                "walked": bool(own["walked_m"].notna().any()),
                "gated": bool(own["gate_id"].notna().any()),
                "against": [line for line in lines if line["verdict_key"] != "clear"],
                "free": [line for line in lines if line["verdict_key"] == "clear"],
            }
        )
    return sorted(groups, key=lambda one: (-len(one["against"]), one["id"]))


def _subject(row: Mapping[Any, Any], said: Said) -> dict[str, Any]:
    """Return what was judged: a finding by its kind and time, or premises by name."""
    if row["what"] == "finding":
        category = said.categories.category(str(row["scheme"]), str(row["code"])).name()
        return {"title": category, "sub": local_time(row["observed_at"], said.zone), "uuid": row["uuid"]}
    kind, name = taxonomy.kind_name(str(row["kind"])), row["name"]
    title = gettext("%(kind)s without a name", kind=kind) if pd.isna(name) else str(name)
    licensed = licence(row["licensed_on"], row["licence_until"])
    sub = f"{kind} · {licensed}" if licensed else kind
    return {"title": title, "sub": sub, "uuid": None, "fid": int(row["premises_id"])}


def licence(begin: Any, end: Any) -> str:
    """Return from when to when premises are licensed, as far as it is known.

    >>> from layers import language
    >>> with language.using("en"):
    ...     licence("2015-03-01", None), licence(None, None)
    ('licensed since 2015-03-01', '')
    """
    first, last = ("" if pd.isna(day) else str(day) for day in (begin, end))
    if first and last:
        return gettext("licensed from %(first)s to %(last)s", first=first, last=last)
    if first:
        return gettext("licensed since %(first)s", first=first)
    return gettext("licensed until %(last)s", last=last) if last else ""


def _line(row: Mapping[Any, Any]) -> dict[str, Any]:
    walked, network = row["walked_m"], row["network_version"]
    return {
        "verdict_key": row["verdict"],
        "verdict": rule_words.word(rule_words.VERDICT, row["verdict"]),
        "tolerated": _tolerated(row),
        "straight": number(float(row["straight_m"]), 1),
        "walked": "" if pd.isna(walked) else number(float(walked), 1),
        "p": _chance(float(row["p_inside_low"]), float(row["p_inside"])),
        "gate": gate(row["gate_name"], row["gate_kind"]) if row["gate_id"] is not None else "",
        "notes": [rule_words.note(note) for note in row["notes"]],
        "network": "" if network is None else str(network),
        "waits": len(row["waits_for"]) if row["verdict"] == "indeterminate" else 0,
    }


def _chance(low: float, high: float) -> str:
    """Return P(inside), or its bounds where the distance is only known between bounds."""
    if high - low < 0.005:
        return f"{high:.2f}"
    return f"{low:.2f}–{high:.2f}"


def gate(name: Any, kind: Any) -> str:
    """Return what a gate is called: its name, else what it is."""
    if isinstance(name, str) and name:
        return name
    return rule_words.word(rule_words.GATES, kind) if isinstance(kind, str) else ""


def _tolerated(row: Mapping[Any, Any]) -> str:
    if not row["tolerated"]:
        return ""
    until = row["tolerated_until"]
    if pd.isna(until):
        return gettext("tolerated: licensed before the rule")
    return gettext("tolerated until %(day)s", day=pd.Timestamp(until).date())


def street(row: Mapping[Any, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return one street in a zone: how much of it was not seen, and when it was."""
    return {
        "name": row["name"] or gettext("(no name)"),
        "length": number(float(row["length_m"])),
        "unseen": number(float(row["unseen_m"])),
        "never": number(float(row["never_m"])),
        "oldest": "" if pd.isna(row["oldest_at"]) else local_time(row["oldest_at"], zone, with_time=False),
        "newest": "" if pd.isna(row["newest_at"]) else local_time(row["newest_at"], zone),
        "seen": float(row["unseen_m"]) < 1,
    }


def school(row: Mapping[Any, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return one school as the list and the head of its page name it."""
    return {
        "fid": int(row["fid"]),
        "name": row["name"] or gettext("(no name)"),
        "kind": taxonomy.kind_name(str(row["kind"])),
        "reach": number(float(row["reach_m"])),
        "status": row["status"],
        "status_name": rule_words.word(rule_words.STATUS, row["status"]),
        "n_breach": int(row["n_breach"]),
        "n_measure": int(row["n_measure"]),
        "n_undecided": int(row["n_open"]) - int(row["n_measure"]),
        "share": "" if pd.isna(row["share_seen"]) else f"{100 * float(row['share_seen']):.0f} %",
        "unseen": "" if pd.isna(row["share_seen"]) else number(float(row["unseen_m"])),
        "oldest": _oldest(row, zone),
    }


def _oldest(row: Mapping[Any, Any], zone: ZoneInfo) -> str:
    """Return when the stretch was inspected that was longest not; nothing where there is none."""
    if pd.notna(row["last_at"]):
        return local_time(row["last_at"], zone, with_time=False)
    return gettext("never") if float(row["unseen_m"]) > 0 else ""


def week(at: str, status: str, zone: ZoneInfo) -> dict[str, str]:
    """Return one day in the history of a school: its date, the status on it and its colour."""
    day = datetime.fromisoformat(at).astimezone(zone).date()
    said = {"day": str(day), "status": status, "colour": STATUS_COLOURS.get(status, NO_DATA_COLOUR)}
    if status == school_history.NO_DATA:
        return {**said, "name": gettext(rule_words.NO_DATA)}
    return {**said, "name": rule_words.word(rule_words.STATUS, status)}


def since(at: str, first: str, zone: ZoneInfo) -> str:
    """Return since which day a status has held; one as old as the history may be older.

    >>> from layers import language
    >>> with language.using("en"):
    ...     since("2026-09-03T00:00:00+00:00", "2026-09-03T00:00:00+00:00", ZoneInfo("UTC"))
    '2026-09-03 or before'
    """
    day = datetime.fromisoformat(at).astimezone(zone).date()
    return gettext("%(day)s or before", day=day) if at == first else str(day)


def dot(row: Mapping[Any, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return one school on the map of all."""
    middle, said = shapely.point_on_surface(row["geom"]), school(row, zone)
    return {
        "lon": round(middle.x, 6),
        "lat": round(middle.y, 6),
        "colour": STATUS_COLOURS[said["status"]],
        "radius": 6,
        "title": said["name"],
        "rows": [
            [gettext("Kind"), said["kind"]],
            [gettext("Status"), said["status_name"]],
            [gettext("Breaches"), said["n_breach"]],
            [gettext("Street length inspected"), said["share"]],
        ],
    }


def change(n: int, before: int) -> str:
    """Return how a count changed, in words.

    >>> from layers import language
    >>> with language.using("en"):
    ...     change(6, 4), change(3, 4), change(4, 4), change(0, 0), change(3, 0)
    ('+50 %', '−25 %', '0 %', '', 'new')
    """
    if not before:
        return gettext("new") if n else ""
    percent = round(100 * (n - before) / before)
    return f"{percent:+d} %".replace("-", "−") if percent else "0 %"


def waits_for(n: int) -> str:
    """Return for how many ways a verdict waits."""
    return ngettext(
        "waits for %(count)s way to be verified", "waits for %(count)s ways to be verified", n, count=n
    )


def n_findings(n: int) -> str:
    """Return a number of findings."""
    return ngettext("%(count)s finding", "%(count)s findings", n, count=number(n))
