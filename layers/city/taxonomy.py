"""What findings are about, and what kinds of key points there are: codes, names in both languages.

A code means nothing without its scheme. The shipped schemes are data (`data/taxonomy.json`); a site may
name shipped codes in its own words and add schemes of its own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_

from layers import language
from layers.city import versions
from layers.errors import InvalidError
from layers.store import schema

# GB/T 30428.2-2013 took the place of CJ/T 214-2007
_SUPERSEDED = frozenset({"cjt214-2007-event", "cjt214-2007-part"})
KINDS = ("state", "behaviour", "part", "mobile")


@dataclass(frozen=True, slots=True)
class Category:
    """One code of one scheme."""

    scheme: str
    code: str
    name_zh: str
    name_en: str
    kind: str
    main_class: str | None = None

    @property
    def id(self) -> str:
        """Return scheme and code in one word: ``gbt30428-2013-event.0406``."""
        return f"{self.scheme}.{self.code}"

    def words(self) -> tuple[str, ...]:
        """Return what people write for it within its scheme, in lower case."""
        return self.name_zh.lower(), self.name_en.lower(), self.code.lower()

    def name(self) -> str:
        """Return the name in the language in use."""
        return self.name_zh if language.current() == "zh" else self.name_en


@dataclass(frozen=True, slots=True)
class Scheme:
    """A list of codes with its title."""

    id: str
    title_zh: str
    title_en: str

    def title(self) -> str:
        """Return the title in the language in use."""
        return self.title_zh if language.current() == "zh" else self.title_en


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The categories that a site knows."""

    categories: Mapping[tuple[str, str], Category]
    schemes: Mapping[str, Scheme]

    def category(self, scheme: str, code: str) -> Category:
        """Return a category; an unknown one is refused by name."""
        found = self.categories.get((scheme, code))
        if found is not None:
            return found
        if scheme not in self.schemes:
            raise InvalidError(
                "%(given)s is not a scheme of categories; schemes: %(known)s",
                field="scheme",
                given=scheme,
                known=", ".join(self.schemes),
            )
        raise InvalidError(
            "%(given)s is not a code of scheme %(scheme)s", field="code", given=code, scheme=scheme
        )

    def parse(self, text: str) -> Category:
        """Return the category of ``scheme.code``."""
        scheme, dot, code = text.partition(".")
        if not dot:
            raise InvalidError(
                "A category is written scheme.code; this is %(given)s", field="category", given=text
            )
        return self.category(scheme, code)

    def find(self, text: str, scheme: str | None = None) -> Category:
        """Return the category that a person's word means.

        It is ``scheme.code``, a name in either language, or a code: of `scheme`, else of whichever has it.
        A spreadsheet takes leading zeros from a code; they are given back where one code alone had them.
        A word that the standard in force has kept from the one before it is that of the one in force.

        Raises
        ------
        InvalidError
            If no category is called so, or several are.

        Examples
        --------
        >>> shipped().find("店外经营").id == shipped().find("gbt30428-2013-event.0405").id
        True
        >>> shipped().find("406", "gbt30428-2013-event").code
        '0406'
        """
        said, dot, rest = text.partition(".")
        if dot and said in self.schemes:
            scheme, text = said, rest
        known = [one for one in self.all() if scheme in {None, one.scheme}]
        named = [one for one in known if text.lower() in one.words()]
        both = named or [one for one in known if without_zeros(one.code) == without_zeros(text)]
        called = [one for one in both if one.scheme not in _SUPERSEDED] or both
        if len(called) > 1:
            raise InvalidError(
                "Several categories are called %(given)s: %(known)s",
                field="code",
                given=text,
                known=", ".join(one.id for one in called),
            )
        if called:
            return called[0]
        return self.category(scheme, text) if scheme else self.parse(text)

    def all(self) -> list[Category]:
        """Return every category, by scheme and code."""
        return sorted(self.categories.values(), key=lambda category: (category.scheme, category.code))


def without_zeros(code: str) -> str:
    """Return a code of figures as a spreadsheet that took it for a number has it; another as it is.

    >>> without_zeros("0406"), without_zeros("406.0"), without_zeros("X402")
    ('406', '406', 'X402')
    """
    figures = code.removesuffix(".0")
    return figures.lstrip("0") if figures.isdecimal() else code


@cache
def _shipped_data() -> Any:
    return json.loads(files("data").joinpath("taxonomy.json").read_text(encoding="utf-8"))


@cache
def shipped() -> Taxonomy:
    """Return the taxonomy that comes with the product.

    >>> shipped().category("gbt30428-2013-event", "0406").name_en
    'trading on the road'
    """
    data = _shipped_data()
    classes = {(one["scheme"], one["code"]): one["name_en"] for one in data["classes"]}
    categories = {
        (one["scheme"], one["code"]): Category(
            one["scheme"],
            one["code"],
            one["name_zh"],
            one["name_en"],
            one["kind"],
            one["class_code"] if (one["scheme"], one["class_code"]) in classes else None,
        )
        for one in data["items"]
    }
    schemes = {one["id"]: Scheme(one["id"], one["title_zh"], one["title_en"]) for one in data["schemes"]}
    return Taxonomy(categories, schemes)


def class_name(scheme: str, main_class: str) -> str | None:
    """Return what a main class of a shipped scheme is called in the language in use; None if unknown.

    >>> with language.using("en"):
    ...     class_name("gbt30428-2013-event", "04"), class_name("gbt30428-2013-event", "99")
    ('street order', None)
    """
    key = "name_zh" if language.current() == "zh" else "name_en"
    same = (one for one in _shipped_data()["classes"] if (one["scheme"], one["code"]) == (scheme, main_class))
    return next((str(one[key]) for one in same), None)


def units(category: Category) -> list[tuple[str, str]]:
    """Return the units that usually lead where a shipped category is found, in Chinese and English.

    >>> units(shipped().category("gbt30428-2013-event", "0107"))[0]
    ('街镇执法队', 'subdistrict enforcement team')
    """
    names = {one["key"]: (one["name_zh"], one["name_en"]) for one in _shipped_data()["units"]}
    lead = _leads().get((category.scheme, category.code)) or {}
    return [names[key] for keys in lead.values() for key in keys]


def vanishes(category: Category) -> bool:
    """Tell whether what a shipped category names tends to be gone by itself.

    >>> vanishes(shipped().category("gbt30428-2013-event", "0129"))
    True
    """
    return (category.scheme, category.code) in _vanishing()


@cache
def _vanishing() -> frozenset[tuple[str, str]]:
    return frozenset(
        (one["scheme"], one["code"]) for one in _shipped_data()["items"] if one.get("short_lived")
    )


@cache
def _leads() -> dict[tuple[str, str], Any]:
    return {(one["scheme"], one["code"]): one["lead"] for one in _shipped_data()["items"]}


def of_site(conn: Connection) -> Taxonomy:
    """Return the shipped taxonomy with the site's own names and schemes laid over it."""
    base = shipped()
    categories, schemes = dict(base.categories), dict(base.schemes)
    for row in conn.execute(select(schema.category)):
        known = categories.get((row.scheme, row.code))
        main_class = known.main_class if known else None
        categories[row.scheme, row.code] = Category(
            row.scheme, row.code, row.name_zh, row.name_en, row.kind, main_class
        )
        schemes.setdefault(row.scheme, Scheme(row.scheme, row.scheme, row.scheme))
    return Taxonomy(categories, schemes)


def name_for_site(conn: Connection, categories: Iterable[Category]) -> int:
    """Keep names of the site's own, for shipped codes or new ones; return how many."""
    rows = [
        {
            "scheme": one.scheme,
            "code": one.code,
            "name_zh": one.name_zh,
            "name_en": one.name_en,
            "kind": one.kind,
        }
        for one in categories
    ]
    for row in rows:
        _check(row)
    if rows:
        table = schema.category
        keys = [(row["scheme"], row["code"]) for row in rows]
        conn.execute(delete(table).where(tuple_(table.c.scheme, table.c.code).in_(keys)))
        conn.execute(insert(table), rows)
        versions.raise_one(conn, "categories")
    return len(rows)


def _check(row: Mapping[str, str]) -> None:
    for name, value in row.items():
        if not value or not value.isprintable() or len(value) > 200:
            raise InvalidError("A category needs %(name)s", field=name, name=name)
    if "." in row["scheme"]:
        raise InvalidError("The name of a scheme has no dot: %(given)s", field="scheme", given=row["scheme"])
    if row["kind"] not in KINDS:
        raise InvalidError("%(given)s is not a kind of category", field="kind", given=row["kind"])


# Kinds of key points: the words of the store, with what people call them
KEY_POINT_KINDS: Mapping[str, tuple[str, str]] = {
    "kindergarten": ("幼儿园", "kindergarten"),
    "primary": ("小学", "primary school"),
    "secondary": ("中学", "secondary school"),
    "school": ("学校", "school"),
    "college": ("大专院校", "college or university"),
    "market": ("集贸市场", "market"),
    "supermarket": ("超市", "supermarket"),
    "hospital": ("医院", "hospital"),
    "clinic": ("诊所", "clinic"),
    "metro": ("地铁站", "metro station"),
    "rail_station": ("火车站", "railway station"),
    "bus_station": ("公交场站", "bus station"),
    "bus_stop": ("公交站", "bus stop"),
    "parking": ("停车场", "parking"),
    "park": ("公园", "park"),
    "square": ("广场", "square"),
    "toilet": ("公共厕所", "public toilet"),
    "internet_cafe": ("网吧", "internet cafe"),
    "game_hall": ("游戏厅", "game hall"),
    "entertainment": ("娱乐场所", "entertainment venue"),
    "dance_hall": ("歌舞厅", "dance hall"),
    "karaoke": ("卡拉OK厅", "karaoke"),
    "bar": ("酒吧", "bar"),
    "tobacco": ("烟草零售点", "tobacco shop"),
    "e_cigarette": ("电子烟零售点", "e-cigarette shop"),
    "alcohol": ("酒类零售点", "alcohol shop"),
    "lottery": ("彩票销售点", "lottery shop"),
    "construction_site": ("工地", "construction site"),
    "government": ("政务大厅", "government service hall"),
    "library": ("图书馆", "library"),
    "worship": ("宗教场所", "place of worship"),
    "other": ("其他重点部位", "other key point"),
}
SCHOOL_KINDS = ("kindergarten", "primary", "secondary", "school")
# Trades that need a licence and that rules keep away from some places, under the name of the trade
TRADE_KINDS = (
    *("internet_cafe", "game_hall", "entertainment", "dance_hall", "karaoke", "bar"),
    *("tobacco", "e_cigarette", "alcohol", "lottery"),
)

# Levels of areas, from the widest
DISTRICT_LEVELS: Mapping[str, tuple[str, str]] = {
    "city": ("市", "city"),
    "district": ("区", "district"),
    "subdistrict": ("街道、镇", "subdistrict or town"),
    "community": ("社区、村", "community or village committee"),
    "grid": ("网格", "grid"),
    "duty_area": ("责任区", "duty area"),
    "neighbourhood": ("片区", "neighbourhood"),
    "estate": ("小区", "estate"),
    "village": ("村庄", "village"),
    "campus": ("院区", "campus"),
}


def kind_name(kind: str) -> str:
    """Return what a kind of key point is called in the language in use; an unknown one by itself."""
    return _named(KEY_POINT_KINDS, kind)


def level_name(level: str) -> str:
    """Return what a level of areas is called in the language in use."""
    return _named(DISTRICT_LEVELS, level)


def _named(names: Mapping[str, tuple[str, str]], key: str) -> str:
    in_chinese, in_english = names.get(key, (key, key))
    return in_chinese if language.current() == "zh" else in_english
