"""What OpenStreetMap's tags mean here: street classes, key points, gates, areas."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Tags = Mapping[str, str]

# Highway values that are streets, lanes or ways on foot; anything else is building site or furniture
STREET_CLASSES = frozenset(
    {
        *("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link"),
        *("secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential"),
        *("living_street", "service", "road", "busway", "pedestrian", "track"),
        *("footway", "path", "cycleway", "steps", "bridleway"),
    }
)
_OTHER_SPELLINGS = {"trail": "path", "minor": "unclassified", "byway": "track", "alley": "service"}
# Parts of another street: kept for walking, but findings belong to the street itself
_PART_OF_A_STREET = frozenset({"sidewalk", "crossing", "traffic_island", "link", "access_aisle"})
_PART_OF_A_PLOT = frozenset({"driveway", "parking_aisle", "drive-through", "emergency_access"})

_FORWARD = frozenset({"yes", "true", "1"})
_BACKWARD = frozenset({"-1", "reverse"})
_FOOT = 0.3048
_LENGTH = re.compile(r"(\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|cm|ft|feet|foot|米)?", re.IGNORECASE)
_FEET_AND_INCHES = re.compile(r"(\d+(?:\.\d+)?)\s*'\s*(?:(\d+(?:\.\d+)?)\s*\")?")
_UNIT_M = {"cm": 0.01, "ft": _FOOT, "feet": _FOOT, "foot": _FOOT}

# China's use of admin_level; a site elsewhere gives its own
ADMIN_LEVELS: Mapping[int, str] = {5: "city", 6: "district", 7: "district", 8: "subdistrict", 10: "community"}
_MUNICIPALITIES = frozenset({"北京市", "天津市", "上海市", "重庆市"})
_PLACES = {
    "village": "village",
    "hamlet": "village",
    "suburb": "neighbourhood",
    "quarter": "neighbourhood",
    "neighbourhood": "neighbourhood",
}


@dataclass(frozen=True, slots=True)
class Street:
    """What a way's tags say about the street.

    `is_reversed` asks for the line to be turned round; with a `footway` it is a part of another street,
    for walking only.
    """

    street_class: str
    name: str | None
    one_way: bool
    is_reversed: bool
    layer: int
    bridge: bool
    tunnel: bool
    width_m: float | None
    lanes: int | None
    footway: str | None


class NoStreet(NamedTuple):
    """Why a way with a highway tag is no street of ours."""

    reason: str


@dataclass(frozen=True, slots=True)
class AreaLevels:
    """Which level of ours each `admin_level` is."""

    admin: Mapping[int, str] = field(default_factory=lambda: ADMIN_LEVELS)


def name_of(tags: Tags, language: str | None = None) -> str | None:
    """Return the name in `language` where it is given, else the local one, else any we can print.

    >>> name_of({"name": "京津路", "name:en": "Jingjin Road"}, "en"), name_of({"name:zh": "京津路"})
    ('Jingjin Road', '京津路')
    """
    keys = [f"name:{language}"] if language else []
    for key in (*keys, "name", "name:zh", "name:en", "official_name"):
        if name := tags.get(key, "").strip():
            return name
    return None


def street(tags: Tags, language: str | None = None) -> Street | NoStreet:
    """Return what a way tagged `highway` is, or why it is not taken.

    >>> street({"highway": "residential", "oneway": "-1", "lanes": "2"}).is_reversed
    True
    >>> street({"highway": "service", "service": "driveway"}).reason
    'driveway or parking aisle'
    """
    value = tags["highway"]
    street_class = _OTHER_SPELLINGS.get(value, value)
    if reason := _no_street(tags, street_class):
        return NoStreet(reason)
    direction = _one_way(tags, street_class)
    return Street(
        street_class=street_class,
        name=name_of(tags, language) or _road_number(tags),
        one_way=direction != 0,
        is_reversed=direction < 0,
        layer=whole(tags.get("layer")) or 0,
        bridge=_is_set(tags, "bridge"),
        tunnel=_is_set(tags, "tunnel"),
        width_m=metres(tags.get("width") or tags.get("est_width")),
        lanes=whole(tags.get("lanes")),
        footway=_footway(tags),
    )


def _no_street(tags: Tags, street_class: str) -> str | None:
    if street_class not in STREET_CLASSES:
        return "highway value that is no street"
    if tags.get("area") == "yes":
        return "square drawn as an area"
    if tags.get("indoor") == "yes" or tags.get("conveying"):
        return "way inside a building"
    if street_class == "service" and tags.get("service") in _PART_OF_A_PLOT:
        return "driveway or parking aisle"
    return None


def _footway(tags: Tags) -> str | None:
    values = (tags.get(key, "") for key in ("footway", "cycleway", "path"))
    return next((value for value in values if value in _PART_OF_A_STREET), None)


def _one_way(tags: Tags, street_class: str) -> int:
    """Return 1 along the line, -1 against it, 0 both ways."""
    value = tags.get("oneway", "")
    if value in _FORWARD:
        return 1
    if value in _BACKWARD:
        return -1
    implied = tags.get("junction") in {"roundabout", "circular"} or street_class.startswith("motorway")
    return int(not value and implied)


def _road_number(tags: Tags) -> str | None:
    """Return the number by which a road without a name goes on its signs."""
    number = tags.get("ref", "").split(";")[0].strip()
    return number or None


def _is_set(tags: Tags, key: str) -> bool:
    return tags.get(key, "no") != "no"


def metres(text: str | None) -> float | None:
    r"""Return a length as written in a tag, in metres; None where it says nothing we understand.

    >>> metres("3.5"), metres("3,5 m"), round(metres("12 ft"), 4), round(metres("7'6\""), 3), metres("wide")
    (3.5, 3.5, 3.6576, 2.286, None)
    """
    if not text:
        return None
    if match := _FEET_AND_INCHES.fullmatch(text.strip()):
        return (float(match[1]) + float(match[2] or 0) / 12) * _FOOT
    if not (match := _LENGTH.fullmatch(text.strip())):
        return None
    length = float(match[1].replace(",", ".")) * _UNIT_M.get((match[2] or "m").lower(), 1.0)
    return length if 0 < length < math.inf else None


def whole(text: str | None) -> int | None:
    """Return a whole number as written in a tag; None where it is none.

    >>> whole("-1"), whole("2;3"), whole("1.5"), whole(None)
    (-1, None, None, None)
    """
    return int(text) if text and re.fullmatch(r"[+-]?\d{1,3}", text.strip()) else None


# One row a rule, the first that fits wins: kind, then tags that must all be there ("*" = any value but no)
_KEY_POINTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("kindergarten", {"amenity": "kindergarten|childcare|preschool"}),
    ("school", {"amenity": "school"}),
    ("college", {"amenity": "college|university"}),
    ("market", {"amenity": "marketplace"}),
    ("supermarket", {"shop": "supermarket|mall|department_store|wholesale"}),
    ("hospital", {"amenity": "hospital"}),
    ("clinic", {"amenity": "clinic|doctors"}),
    ("metro", {"railway": "station|halt|stop", "station": "subway|light_rail|monorail"}),
    ("metro", {"railway": "station", "subway": "yes"}),
    ("rail_station", {"railway": "station|halt"}),
    ("bus_station", {"amenity": "bus_station"}),
    ("bus_stop", {"highway": "bus_stop"}),
    ("bus_stop", {"public_transport": "platform", "bus": "yes"}),
    ("parking", {"amenity": "parking"}),
    ("park", {"leisure": "park"}),
    ("park", {"leisure": "garden", "name": "*"}),
    ("square", {"place": "square", "name": "*"}),
    ("toilet", {"amenity": "toilets"}),
    ("entertainment", {"amenity": "nightclub|karaoke_box"}),
    ("entertainment", {"leisure": "dance"}),
    ("alcohol", {"shop": "alcohol"}),
    ("lottery", {"shop": "lottery"}),
    ("government", {"amenity": "townhall"}),
    ("internet_cafe", {"amenity": "internet_cafe"}),
    ("game_hall", {"leisure": "adult_gaming_centre|amusement_arcade"}),
    ("tobacco", {"shop": "tobacco"}),
    ("e_cigarette", {"shop": "e-cigarette"}),
)
KEY_POINT_KEYS = tuple(sorted({key for _, rule in _KEY_POINTS for key in rule if key != "name"}))


def key_point_kind(tags: Tags) -> str | None:
    """Return the kind of key point that the tags describe, or None.

    >>> key_point_kind({"amenity": "school", "name": "普育小学"}), key_point_kind({"amenity": "bench"})
    ('primary', None)
    """
    for kind, rule in _KEY_POINTS:
        if all(_fits(tags.get(key), values) for key, values in rule.items()):
            return school_kind(tags) if kind == "school" else kind
    return None


def _fits(value: str | None, values: str) -> bool:
    if not value or value == "no":
        return False
    return values == "*" or value in values.split("|")


_PRIMARY = re.compile(r"小学|primary|elementary|grade school", re.IGNORECASE)
_SECONDARY = re.compile(
    r"中学|初中|高中|[一二三四五六七八九十]中(?!心)|secondary|high school|middle school", re.IGNORECASE
)


def school_kind(tags: Tags) -> str:
    """Return `primary`, `secondary`, or `school` where the tags and the name do not say, or say both.

    The level is that of the International Standard Classification of Education (UNESCO 2011): 1 is
    primary, 2 and 3 are secondary.

    >>> school_kind({"isced:level": "1"}), school_kind({"name": "第四中学"}), school_kind({"name": "普育"})
    ('primary', 'secondary', 'school')
    """
    text = f"{tags.get('name', '')} {tags.get('name:en', '')} {tags.get('school', '')}"
    levels = set(re.findall(r"\d", tags.get("isced:level", "")))
    primary = "1" in levels or bool(_PRIMARY.search(text))
    secondary = bool(levels & {"2", "3"}) or bool(_SECONDARY.search(text))
    if primary == secondary:
        return "school"
    return "primary" if primary else "secondary"


_GATES = frozenset(
    {"gate", "lift_gate", "swing_gate", "sliding_gate", "kissing_gate", "entrance", "turnstile"}
)
_GATE_KINDS = {
    "main": "main",
    "emergency": "fire_exit",
    "fire_exit": "fire_exit",
    "service": "service",
    "delivery": "service",
    "garage": "service",
}


def gate_kind(tags: Tags) -> str | None:
    """Return `main`, `fire_exit`, `service` or `entrance` for a way in, None for anything else.

    >>> gate_kind({"barrier": "gate"}), gate_kind({"entrance": "main"}), gate_kind({"barrier": "bollard"})
    ('entrance', 'main', None)
    """
    is_gate = tags.get("barrier") in _GATES
    is_entrance = tags.get("entrance", "no") != "no" or tags.get("railway") == "subway_entrance"
    if not (is_gate or is_entrance):
        return None
    if tags.get("access") == "delivery":
        return "service"
    return _GATE_KINDS.get(tags.get("entrance", ""), "entrance")


def area_level(tags: Tags, levels: AreaLevels) -> str | None:
    """Return the level of a named area: administrative, estate, village or neighbourhood; None for others.

    >>> area_level({"boundary": "administrative", "admin_level": "6", "name": "北辰区"}, AreaLevels())
    'district'
    >>> area_level({"landuse": "residential", "name": "瑞景新苑"}, AreaLevels())
    'estate'
    """
    name = name_of(tags)
    if not name:
        return None
    if tags.get("boundary") == "administrative":
        number = whole(tags.get("admin_level")) or 0
        return "city" if number == 4 and name in _MUNICIPALITIES else levels.admin.get(number)
    if (place := tags.get("place")) in _PLACES:
        return _PLACES[place]
    return "estate" if tags.get("landuse") == "residential" else None
