"""What the pages of imports call kinds, fields and choices, and what they say for a command's options."""

from collections.abc import Callable, Mapping
from typing import Any

from layers.city import taxonomy
from layers.city.kerbs import KINDS as KERB_KINDS
from layers.errors import XunchaError
from layers.field.tracks import MODES
from layers.importing import dates, kinds
from layers.importing.kinds import Kind
from layers.importing.options import COORDINATE_ORDERS, FRAMES, ImportOptions
from layers.language import explain, gettext, ngettext
from layers.settings import SOURCE_ERRORS
from map_app import basis
from map_app.words import number

Choices = list[tuple[str, str]]
_SHOWN_CODES = 8


def kind_name(kind: str) -> str:
    """Return what a kind of import is called."""
    names = {
        "osm": gettext("OpenStreetMap extract"),
        "streets": gettext("Streets"),
        "key_points": gettext("Key points"),
        "districts": gettext("Areas"),
        "findings": gettext("Findings"),
        "tracks": gettext("Tracks"),
        "photos": gettext("Photos"),
        "population": gettext("Population"),
        "kerbs": gettext("Car parks, bays and no-parking stretches"),
    }
    return names.get(kind, kind)


def field_name(field: str) -> str:
    """Return what a field is called beside the choice of its column."""
    names = {
        "frame": gettext("Frame of the positions"),
        "position": gettext("Position"),
        "geometry": gettext("Geometry"),
        "category": gettext("Category code"),
        "lon": gettext("Longitude"),
        "lat": gettext("Latitude"),
        "lonlat": gettext("Both coordinates in one column"),
        "observed_at": gettext("Observed"),
        "code": gettext("Category code"),
        "note": gettext("Note"),
        "accuracy_m": gettext("Accuracy, m"),
        "street_hint": gettext("Street"),
        "time": gettext("Time of the fix"),
        "track": gettext("Number of the track"),
        "person": gettext("Walked by"),
        "mode": gettext("How they moved"),
        "device": gettext("Device"),
        "source": gettext("Source of the position"),
        "scheme": gettext("List of the codes"),
        "id": gettext("Number that names a row for ever"),
        "name": gettext("Name of the place"),
        "kind": gettext("Kind"),
        "n_bays": gettext("Number of bays"),
        "licensed_on": gettext("Licensed since"),
        "licence_until": gettext("Licensed until"),
        "level": gettext("Level of the area"),
    }
    return names.get(field, field)


def constant_name(field: str) -> str:
    """Return what a field is called where one value holds for all rows."""
    names = {
        "code": gettext("One category for all rows"),
        "person": gettext("Walked by, unless a column says"),
        "kind": gettext("One kind for all rows"),
        "level": gettext("One level for all rows"),
    }
    return names.get(field) or field_name(field)


def outcome(found: Mapping[str, Any]) -> str:
    """Return what became of a file, or would, in a sentence."""
    said = {
        "read": number(found["n_read"]),
        "good": number(found["n_added"]),
        "same": number(found["n_same"]),
        "refused": number(found["n_refused"]),
    }
    if found["kind"] == "photos":
        return gettext("%(read)s photos: %(good)s new, %(same)s there already, %(refused)s refused.", **said)
    if found["kind"] == "tracks":
        return gettext(
            "%(read)s fixes. Tracks: %(good)s new, %(same)s there already; %(refused)s refusals.",
            **said,
        )
    if found["kind"] in kinds.LAYERS:
        changed, removed = number(found["n_changed"]), number(found["n_removed"])
        return gettext(
            "%(read)s rows: %(good)s new, %(changed)s changed, %(removed)s removed, %(same)s as before, "
            "%(refused)s refused.",
            changed=changed,
            removed=removed,
            **said,
        )
    return gettext("%(read)s rows: %(good)s new, %(same)s there already, %(refused)s refused.", **said)


def assumed(found: Mapping[str, Any]) -> list[str]:
    """Return how the file was read where it could have been read otherwise."""
    ways = found.get("assumed") or {}
    said = []
    if found.get("header_row", 1) > 1:
        said.append(gettext("The headings were found in row %(n)s.", n=found["header_row"]))
    if "time_zone" in ways:
        said.append(gettext("Times without a zone are those of %(zone)s.", zone=ways["time_zone"]))
    if "date_format" in ways:
        order = dict(date_choices()).get(ways["date_format"], ways["date_format"])
        said.append(gettext("Dates are written %(order)s.", order=order))
    if "coordinate_order" in ways:
        order = dict(order_choices())[ways["coordinate_order"]]
        said.append(gettext("In the column of both coordinates: %(order)s.", order=order))
    if found.get("declared_crs"):
        said.append(gettext("The file says of its reference system: %(crs)s.", crs=found["declared_crs"]))
    elif found.get("is_layer_of_shapes"):
        said.append(gettext("The file does not say its reference system."))
    return said


def fitting(found: Mapping[str, Any]) -> str | None:
    """Return in which reference systems the rows would lie in the city, if they do not now."""
    known = found.get("fitting")
    if not known:
        return None
    return gettext(
        "As read now the rows lie outside the city. They would lie in it by: %(systems)s.",
        systems=gettext(", ").join(known),
    )


def understood(found: Mapping[str, Any]) -> list[str]:
    """Return what was read otherwise than it stands: codes that lost zeros, dates without a time."""
    said = []
    if found.get("mended"):
        codes = [f"{given} → {code}" for given, code in sorted(found["mended"].items())]
        shown = gettext(", ").join(codes[:_SHOWN_CODES]) + (" …" if len(codes) > _SHOWN_CODES else "")
        said.append(
            gettext("Codes that had lost their leading zeros were understood: %(codes)s.", codes=shown)
        )
    if found.get("n_date_only"):
        said.append(
            ngettext(
                "%(n)s row has a date without a time of day: kept as the first instant of that day",
                "%(n)s rows have a date without a time of day: kept as the first instant of that day",
                found["n_date_only"],
            )
        )
    return said


def left_out(found: Mapping[str, Any]) -> list[str]:
    """Return how many rows were left out on purpose, by the reason."""
    skipped = found.get("skipped") or {}
    return [
        gettext("Left out: %(n)s (%(reason)s)", n=number(n), reason=gettext(reason))
        for reason, n in skipped.items()
    ]


def kerb_choices() -> Choices:
    """Return the kinds of what lies at kerbs."""
    names = {
        "lot": gettext("Car park"),
        "bay": gettext("Bays along a street"),
        "no_parking": gettext("No-parking stretch"),
    }
    return [(one, names[one]) for one in KERB_KINDS]


def place_choices() -> Choices:
    """Return the kinds of key points."""
    return [(one, taxonomy.kind_name(one)) for one in taxonomy.KEY_POINT_KINDS]


def level_choices() -> Choices:
    """Return the levels of areas."""
    return [(one, taxonomy.level_name(one)) for one in taxonomy.DISTRICT_LEVELS]


def what_name(kind: Kind, what: str) -> str:
    """Return what a row of a layer is called by its kind or level; of anything else the word itself."""
    known = {"kerbs": kerb_choices, "key_points": place_choices, "districts": level_choices}
    return dict(known[kind.name]()).get(what, what) if kind.name in known else what


def missing(kind: Kind, found: Mapping[str, Any], options: ImportOptions) -> str | None:
    """Return what a file does not say and must be chosen, all of it in one sentence."""
    if "error" not in found or found["error"]["message"] not in _ASKING or not kind.asks(found):
        return None
    known = {**found.get("guessed", {}), **options.columns, **options.constants}
    has_frame = options.frame is not None or options.crs is not None
    lacking = [one for one in kind.required if one not in known and not (one == "frame" and has_frame)]
    if not lacking:
        return None
    names = gettext(", ").join(field_name(one) for one in lacking)
    return gettext("Still to be chosen: %(fields)s.", fields=names)


def cell_name(name: str) -> str:
    """Return what a cell of a refused row is called: the file's own word, or ours for what we counted."""
    names = {"track": gettext("Track"), "n_fixes": gettext("Fixes"), "file": gettext("File")}
    return names.get(name, name)


def frame_choices() -> Choices:
    """Return the frames of positions with what uses them."""
    names = {
        "wgs84": gettext("WGS 84: GPS devices, phones, watches"),
        "gcj02": gettext("GCJ-02: AutoNavi, Tencent"),
        "bd09": gettext("BD-09: Baidu"),
    }
    return [(one, names[one]) for one in FRAMES]


def date_choices() -> Choices:
    """Return the orders in which dates are written that do not begin with a year of four figures."""
    names = {
        "dmy": gettext("day/month/year"),
        "mdy": gettext("month/day/year"),
        "ymd": gettext("year/month/day, the year of two figures"),
    }
    return [(one, names[one]) for one in dates.ORDERS]


def order_choices() -> Choices:
    """Return which coordinate comes first in a column of both."""
    names = {"lonlat": gettext("longitude, latitude"), "latlon": gettext("latitude, longitude")}
    return [(one, names[one]) for one in COORDINATE_ORDERS]


def mode_choices() -> Choices:
    """Return how people move on patrol."""
    names = {"foot": gettext("on foot"), "bicycle": gettext("by bicycle"), "vehicle": gettext("by car")}
    return [(one, names[one]) for one in MODES]


def source_choices() -> Choices:
    """Return where positions come from."""
    return [(one, basis.source_name(one)) for one in SOURCE_ERRORS]


def encoding_choices() -> Choices:
    """Return the encodings that texts come in."""
    return [("gb18030", gettext("GBK / GB 18030: Excel in Chinese")), ("big5", "Big5"), ("utf-16", "UTF-16")]


def explained(told: Mapping[str, Any]) -> str:
    """Return a reason as the page says it: by what can be chosen there, not by the options of a command."""
    own = _ON_PAGE.get(told["message"])
    return own(told["params"]) if own else explain(XunchaError(told["message"], **told["params"]))


def _kinds_known(params: Mapping[str, Any]) -> str:
    """Say which words are known; ours for the kinds of kerbs are understood in either language."""
    known = str(params["known"])
    if known == ", ".join(KERB_KINDS):
        known = gettext(", ").join(label for _, label in kerb_choices())
    return gettext("%(given)s is not known; known: %(known)s", given=params["given"], known=known)


def _levels_known(params: Mapping[str, Any]) -> str:
    known = gettext(", ").join(label for _, label in level_choices())
    return gettext("%(given)s is not a level; levels: %(known)s", given=params["given"], known=known)


# What is asked for one after the other, and told together
_ASKING = frozenset(
    {
        "Nothing says in which frame the positions are; name it with --frame: wgs84, gcj02 or bd09",
        "Nothing in the file says %(field)s; say it with %(advice)s",
        "Nothing says of what kind these are; name it with --kind: %(known)s",
        "Nothing says of what kind these are; name it with --kind, for example school",
        "Nothing says of what level these areas are; name it with --level: %(known)s",
        "No columns of longitude and latitude found; name them, for example --column lon=… --column lat=…",
        "%(file)s does not say its reference system; name it with --crs, for degrees often EPSG:4326",
    }
)
_ON_PAGE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Nothing says in which frame the positions are; name it with --frame: wgs84, gcj02 or bd09": (
        lambda _: gettext("Choose in which frame the positions are.")
    ),
    "Nothing in the file says %(field)s; say it with %(advice)s": (
        lambda params: gettext("Choose what says this: %(field)s.", field=field_name(params["field"]))
    ),
    "No columns of longitude and latitude found; name them, for example --column lon=… --column lat=…": (
        lambda _: gettext("Choose the columns of longitude and latitude.")
    ),
    "%(file)s is not %(encoding)s text near line %(line)d; name its encoding with --encoding"
    ", for Chinese texts often gb18030": (
        lambda _: gettext("The text is not UTF-8. Choose its encoding: of Chinese files mostly GBK.")
    ),
    "%(file)s does not say its encoding and is not UTF-8; name it with --encoding"
    ", for Chinese texts often gb18030": (
        lambda _: gettext("The text is not UTF-8. Choose its encoding: of Chinese files mostly GBK.")
    ),
    "%(given)s can begin with the day or the month; say which with --date-format: %(known)s": (
        lambda params: gettext(
            "%(given)s can begin with the day or the month. Choose how dates are written.",
            given=params["given"],
        )
    ),
    "Either number of %(given)s can be the longitude; say which comes first with --coordinate-order: "
    "%(known)s": (
        lambda params: gettext(
            "Either number of %(given)s can be the longitude. Choose which comes first.",
            given=params["given"],
        )
    ),
    "Several categories are called %(given)s: %(known)s": (
        lambda params: gettext(
            "%(given)s stands in several lists: %(known)s. Choose the list of the codes.",
            given=params["given"],
            known=params["known"],
        )
    ),
    "The file has several layers, name one with --layer: %(known)s": (
        lambda _: gettext("The file holds several sheets or layers. Choose one.")
    ),
    "%(file)s does not say its reference system; name it with --crs, for degrees often EPSG:4326": (
        lambda _: gettext("The file does not say its reference system. Name it, for degrees EPSG:4326.")
    ),
    "Nothing says of what kind these are; name it with --kind: %(known)s": (
        lambda _: gettext("Choose the column of the kind, or one kind for all rows.")
    ),
    "Nothing says of what kind these are; name it with --kind, for example school": (
        lambda _: gettext("Choose the column of the kind, or one kind for all rows.")
    ),
    "Nothing says of what level these areas are; name it with --level: %(known)s": (
        lambda _: gettext("Choose the column of the level, or one level for all rows.")
    ),
    "%(given)s is no time we can read; describe it with --date-format, as in strftime": (
        lambda params: gettext("%(given)s is no time we can read", given=params["given"])
    ),
    "%(given)s is not known; known: %(known)s": _kinds_known,
    "%(given)s is not a level; levels: %(known)s": _levels_known,
    "A category is written scheme.code; this is %(given)s": (
        lambda params: gettext("No category is called %(given)s", given=params["given"])
    ),
    "The finding %(uuid)s is known with other content": (
        lambda _: gettext("This row came before and says something else now")
    ),
    "The finding %(uuid)s is here with other content (%(fields)s); imports change no finding": (
        lambda params: gettext(
            "This row came before and says something else now (%(fields)s); imports change no finding",
            fields=", ".join(map(field_name, str(params["fields"]).split(", "))),
        )
    ),
    "The track %(uuid)s is known with other content": (
        lambda _: gettext("This track came before, of somebody else or read in another way")
    ),
    "no geometry": lambda _: gettext("the position is missing"),
    "Row %(first)s has the same key and says something else; --key none takes both": (
        lambda params: gettext(
            "Row %(first)s has the same number and says something else; by the whole row both are taken",
            first=params["first"],
        )
    ),
}
