"""Findings as rows, a page of the store at a time, so that the longest export needs no more memory."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from layers import language
from layers.city.taxonomy import Taxonomy
from layers.errors import InvalidError
from layers.field import findings, words
from layers.field.asking import FindingFilter
from layers.field.in_force import Decision
from layers.field.records import Finding
from layers.formulas import guarded
from layers.language import gettext
from layers.site import Site

_AT_ONCE = 1000
_LEVELS = ("district", "subdistrict", "community")
NAMES = (
    *("id", "observed_at", "received_at", "category", "category_name", "note", "n_items"),
    *("lon", "lat", "accuracy_m", "accuracy_kind", "position_source"),
    *("street", "block_id", "side", "chainage_m", "distance_m", "p_block", "p_street"),
    *("ambiguous", "outside", "decided", "decided_by", "decided_at"),
    *_LEVELS,
    *("key_point", "key_point_m", "n_photos", "channel", "reported_by"),
)
_WORDS = {
    "side": words.SIDES,
    "accuracy_kind": words.ACCURACIES,
    "position_source": words.SOURCES,
    "channel": words.CHANNELS,
}
_FLAGS = ("ambiguous", "outside", "decided")
Values = dict[str, Any]


def headings() -> dict[str, str]:
    """Return what the columns are called in the language in use."""
    return {
        "id": gettext("Id"),
        "observed_at": gettext("Observed"),
        "received_at": gettext("Received"),
        "category": gettext("Category code"),
        "category_name": gettext("Category"),
        "note": gettext("Note"),
        "n_items": gettext("Items"),
        "lon": gettext("Longitude (WGS 84)"),
        "lat": gettext("Latitude (WGS 84)"),
        "accuracy_m": gettext("Accuracy, m"),
        "accuracy_kind": gettext("What the accuracy means"),
        "position_source": gettext("Source of the position"),
        "street": gettext("Street"),
        "block_id": gettext("Street block"),
        "side": gettext("Side"),
        "chainage_m": gettext("Along the block, m"),
        "distance_m": gettext("From the centre line, m"),
        "p_block": gettext("Probability of the block"),
        "p_street": gettext("Probability of the street"),
        "ambiguous": gettext("In doubt"),
        "outside": gettext("Outside the streets"),
        "decided": gettext("Decided by a person"),
        "decided_by": gettext("Who decided"),
        "decided_at": gettext("When decided"),
        "district": gettext("District"),
        "subdistrict": gettext("Subdistrict"),
        "community": gettext("Community"),
        "key_point": gettext("Nearest key point"),
        "key_point_m": gettext("Distance to it, m"),
        "n_photos": gettext("Photos"),
        "channel": gettext("Channel"),
        "reported_by": gettext("Reported by"),
    }


def in_words(row: Values) -> Values:
    """Return a row whose words are those of the language in use, as people read it and imports understand."""
    told = {name: words.said(known, row[name]) for name, known in _WORDS.items()}
    yes = {True: gettext("yes"), False: gettext("no"), None: None}
    return row | told | {name: yes[row[name]] for name in _FLAGS}


def read(site: Site, wanted: FindingFilter, *, speak: str) -> Iterator[list[Values]]:
    """Give the rows of the findings in the order in which they came, some at a time; instants are aware."""
    known, after = site.taxonomy, None
    while True:
        page = findings.page(site, wanted, after=after, limit=_AT_ONCE)
        with language.using(speak):
            rows = [_row(known, one) for one in page.findings]
        if rows:
            yield rows
        after = page.next
        if after is None:
            return


def _row(known: Taxonomy, found: Finding) -> Values:
    values: Values = {
        "id": found.uuid,
        "observed_at": found.observed_at,
        "received_at": found.received_at,
        "category": f"{found.scheme}.{found.code}",
        "category_name": _category(known, found),
        "note": found.note,
        "n_items": found.n_items,
        "lon": round(found.lon, 7),
        "lat": round(found.lat, 7),
        "accuracy_m": found.position.accuracy_m,
        "accuracy_kind": found.position.accuracy_kind,
        "position_source": found.position.source,
        "n_photos": len(found.photos),
        "channel": found.channel,
        "reported_by": found.account_name,
        "decided": found.decision is not None,
    }
    values |= {level: _area(found, level) for level in _LEVELS}
    nearest = found.key_points[0] if found.key_points else None
    values["key_point"] = nearest.name if nearest else None
    values["key_point_m"] = _rounded(nearest.distance_m) if nearest else None
    values |= _placed(found)
    if found.decision is not None:
        values |= _decided(found.decision)
    return {name: values.get(name) for name in NAMES}


def _category(known: Taxonomy, found: Finding) -> str | None:
    try:
        return known.category(found.scheme, found.code).name()
    except InvalidError:
        return None


def _area(found: Finding, level: str) -> str | None:
    return next((area.name or area.code for area in found.districts if area.level == level), None)


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def _placed(found: Finding) -> Values:
    placed = found.placement
    if placed is None:
        return {"ambiguous": None, "outside": None}
    return {
        "street": placed.street_name,
        "block_id": placed.block_id,
        "side": placed.side,
        "chainage_m": _rounded(placed.chainage_m),
        "distance_m": _rounded(placed.distance_m),
        "p_block": _rounded(placed.p_block, 4),
        "p_street": _rounded(placed.p_street, 4),
        "ambiguous": placed.ambiguous,
        "outside": placed.outside,
    }


def _decided(made: Decision) -> Values:
    """Return where a person put the finding, in place of what was in doubt."""
    sure = 1.0 if made.block_id else None
    return {
        "street": made.street_name,
        "block_id": made.block_id,
        "side": made.side,
        "chainage_m": _rounded(made.chainage_m),
        "distance_m": None,
        "p_block": sure,
        "p_street": sure,
        "ambiguous": False,
        "outside": made.block_id is None,
        "decided_by": made.account_name,
        "decided_at": made.at,
    }


def as_csv(site: Site, wanted: FindingFilter, *, speak: str, are_words: bool) -> Iterator[bytes]:
    """Give a table in UTF-8 (marked, for spreadsheets); `are_words` in those of the language."""
    with language.using(speak):
        heading = list(headings().values()) if are_words else list(NAMES)
    zone = site.settings.zone
    yield b"\xef\xbb\xbf" + _lines([heading])
    for rows in read(site, wanted, speak=speak):
        with language.using(speak):
            told = [in_words(row) if are_words else row for row in rows]
        yield _lines([[guarded(_text(row[name], zone)) for name in NAMES] for row in told])


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _text(value: Any, zone: ZoneInfo) -> Any:
    if hasattr(value, "isoformat"):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def as_geojson(site: Site, wanted: FindingFilter, *, speak: str) -> Iterator[bytes]:
    """Give one collection of features (RFC 7946), a feature on each line."""
    zone = site.settings.zone
    yield b'{"type":"FeatureCollection","features":['
    first = True
    for rows in read(site, wanted, speak=speak):
        text = ",\n".join(_feature(row, zone) for row in rows)
        yield (("\n" if first else ",\n") + text).encode()
        first = False
    yield b"\n]}\n"


def _feature(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    properties = {
        name: _text(value, zone) if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if name not in ("id", "lon", "lat")
    }
    point = {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
    feature = {"type": "Feature", "id": row["id"], "geometry": point, "properties": properties}
    return json.dumps(feature, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
