"""The distance rules of a site: the shipped ones, its own, which are in use, every version of each.

A shipped rule is version 1 and is kept in the store only once somebody uses or changes it. A changed rule is
a new version, from its first day or, if it has none of its own, from when it was made; what was judged by the
old one before then stays so.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Connection, insert, select, update

from geo.clearance import DAYS, Rule, concerns, in_force, protects, read_rules
from geo.clearance.rules import ACTIVITIES, KINDS
from geo.errors import GeoError
from layers import history
from layers.city.taxonomy import KEY_POINT_KINDS, TRADE_KINDS
from layers.errors import InvalidError, NotFoundError
from layers.store.schema import clearance_rule

if TYPE_CHECKING:
    from layers.site import Site

SITE_RULE = "SITE-SCHOOLS"
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_SITE_KINDS = ("kindergarten", "primary", "secondary", "school")
_SITE_ACTIVITIES = (
    "street_vendor",
    "internet_cafe",
    "game_hall",
    "entertainment",
    "tobacco",
    "e_cigarette",
    "alcohol",
    "lottery",
)
# What a trade, or a place, may turn out to be of which no more is recorded than its general name
_TRADES: Mapping[str, tuple[str, ...]] = {
    "street_vendor": ("food_vendor", "mobile_vendor"),
    "mobile_vendor": ("food_vendor",),
    "entertainment": ("game_hall", "dance_hall", "karaoke", "bar"),
    "bar": ("alcohol",),
}
_PLACES: Mapping[str, tuple[str, ...]] = {
    "school": ("primary", "secondary", "special", "vocational", "specialised", "public_school"),
    "primary": ("public_school",),
    "secondary": ("junior", "senior", "public_school"),
}


@dataclass(frozen=True)
class Kept:
    """One version of one rule; `content` has the field names of the shipped table.

    `since`: when it took the place of the version before it, unless a first day of its own says that.
    """

    rule_id: str
    version: int
    content: Mapping[str, Any]
    in_use: bool
    created_at: datetime | None = None
    retired_at: datetime | None = None
    since: datetime | None = None

    @property
    def source(self) -> str:
        """Return where the rule is written."""
        return str((self.content.get("source") or {}).get("title") or "")

    def rule(self) -> Rule:
        """Return the rule as the geometry reads it, by itself; see `together`."""
        return self._rule

    @cached_property
    def _rule(self) -> Rule:
        # asked for each minute of which there are findings
        return read_rules([{**self.content, "minus_rule": None}])[0]

    def is_readable(self) -> bool:
        """Tell whether the rule says what can be judged by; an old one may say what is refused today."""
        try:
            self.rule()
        except GeoError:
            return False
        return True

    def all_week(self) -> Rule:
        """Return the rule as if it had no days of the week and no hours."""
        return replace(self.rule(), time_window=None)

    def minus(self) -> str | None:
        """Return the id of the rule whose zone is taken out of this one's."""
        return self.content.get("minus_rule") or None


@cache
def shipped() -> tuple[Mapping[str, Any], ...]:
    """Return the rules that come with the product."""
    return tuple(json.loads(files("data").joinpath("clearance_rules.json").read_text("utf-8"))["rules"])


@cache
def known(field: str) -> frozenset[str]:
    """Return the words for trades (`activity`) or places (`protected_kinds`) that a rule can be made of."""
    groups, ours = {"activity": (ACTIVITIES, TRADE_KINDS), "protected_kinds": (KINDS, KEY_POINT_KINDS)}[field]
    meant = (word for named in groups.values() for word in named)
    return frozenset((*groups, *meant, *ours, *(word for rule in shipped() for word in rule[field])))


def site_setting(radius_m: float) -> dict[str, Any]:
    """Return the rule that a site has before it chooses any: one distance around schools.

    >>> Kept(SITE_RULE, 1, site_setting(200.0), True).rule().measure
    'euclidean'
    """
    return {
        "id": SITE_RULE,
        "jurisdiction": None,
        "status": "practice",
        "activity": list(_SITE_ACTIVITIES),
        "protected_kinds": list(_SITE_KINDS),
        "distance_m": radius_m,
        "inclusive": True,
        "measured_from": "boundary",
        "measured_to": "point",
        "measure": "euclidean",
        "on_breach": "notice",
        "source": {"title": "site setting", "article": "school_radius_m", "url": None, "note": None},
    }


def versions(conn: Connection, radius_m: float) -> list[Kept]:
    """Return every version of every rule of a site; `radius_m` is that of its settings."""
    found: dict[tuple[str, int], Kept] = {
        (SITE_RULE, 1): Kept(SITE_RULE, 1, site_setting(radius_m), True),
        **{(str(one["id"]), 1): Kept(str(one["id"]), 1, one, False) for one in shipped()},
    }
    table = clearance_rule
    for row in conn.execute(select(table)):
        given = found.get((row.rule_id, row.version))
        content = given.content if given else row.content
        found[row.rule_id, row.version] = Kept(
            row.rule_id, row.version, content, row.in_use, row.created_at, row.retired_at
        )
    ordered = [found[key] for key in sorted(found)]
    return [_after(before, one) for before, one in zip([None, *ordered], ordered, strict=False)]


def _after(before: Kept | None, kept: Kept) -> Kept:
    """Return a version with the instant since which it holds, if its first day is still that of the last."""
    if before is None or before.rule_id != kept.rule_id:
        return kept
    same = before.content.get("valid_from") == kept.content.get("valid_from")
    return replace(kept, since=kept.created_at if same else None)


def may_concern(rule: Rule, trade: str) -> bool:
    """Tell whether a rule speaks of this trade, or would if more were known of it.

    >>> stalls = Kept("x", 1, {**site_setting(50.0), "activity": ["food_vendor"]}, True).rule()
    >>> concerns(stalls, "street_vendor"), may_concern(stalls, "street_vendor"), may_concern(stalls, "bar")
    (False, True, False)
    """
    return any(concerns(rule, one) for one in (trade, *_TRADES.get(trade, ())))


def may_protect(rule: Rule, kind: str) -> bool:
    """Tell whether a rule protects this kind of place, or would if more were known of it: its level, say.

    >>> rule = Kept("x", 1, {**site_setting(200.0), "protected_kinds": ["primary"]}, True).rule()
    >>> protects(rule, "school"), may_protect(rule, "school"), may_protect(rule, "kindergarten")
    (False, True, False)
    """
    return any(protects(rule, one) for one in (kind, *_PLACES.get(kind, ())))


def widened(rule: Rule) -> Rule:
    """Return a rule that also speaks of what it may speak of, and of the rest of groups named so."""
    return replace(
        rule,
        activity=(*rule.activity, *(one for one in _TRADES if may_concern(rule, one))),
        protected_kinds=(*rule.protected_kinds, *(one for one in _PLACES if may_protect(rule, one))),
    )


def versions_key(kept: Iterable[Kept]) -> list[tuple[str, int, bool]]:
    """Return what tells these rules from others: which versions of which, and whether they are in use."""
    return [(one.rule_id, one.version, one.in_use) for one in kept]


def newest(kept: Iterable[Kept]) -> dict[str, Kept]:
    """Return the last version of each rule."""
    return {one.rule_id: one for one in sorted(kept, key=lambda one: one.version)}


def holding(kept: Iterable[Kept], at: pd.Timestamp) -> list[Kept]:
    """Return the rules in use that hold on the day of an instant, local time with its zone.

    Of each rule the last version that had begun by then decides.  Days of the week and hours do not count:
    what a rule reaches is the same all week.
    """
    begun = [one for one in kept if one.in_use and one.is_readable() and _has_begun(one, at)]
    return [one for one in newest(begun).values() if in_force(one.all_week(), at)]


def together(kept: Iterable[Kept]) -> dict[str, Rule]:
    """Return rules that hold together, by id: one is judged without the zone of another that is held too."""
    by_id = {one.rule_id: one for one in kept}
    return {
        rule_id: replace(one.all_week(), minus_rule=one.minus() if one.minus() in by_id else None)
        for rule_id, one in by_id.items()
    }


def within(kept: Iterable[Kept], since: pd.Timestamp | None, until: pd.Timestamp) -> list[Kept]:
    """Return the versions in use of which some instant of a period can be: those that had begun by its end.

    Of each rule the one that held when the period began, and all after it.  Local times with their zone;
    None is as long ago as can be.
    """
    begun = [one for one in kept if one.in_use and one.is_readable() and _has_begun(one, until)]
    first = {} if since is None else newest(one for one in begun if _has_begun(one, since))
    return [one for one in begun if one.rule_id not in first or one.version >= first[one.rule_id].version]


def _has_begun(kept: Kept, at: pd.Timestamp) -> bool:
    begin = kept.content.get("valid_from")
    if kept.since is not None and at < pd.Timestamp(kept.since):
        return False
    return begin is None or pd.Timestamp(begin) <= at.tz_localize(None)


def use(site: "Site", rule_id: str, in_use: bool, *, now: datetime, account_id: int | None = None) -> bool:
    """Put a rule into use at this site, or out of it; tell whether that changed anything."""
    with site.store.write() as conn:
        mine = [one for one in versions(conn, site.settings.school_radius_m) if one.rule_id == rule_id]
        if not mine:
            raise NotFoundError("There is no rule %(rule)s", rule=rule_id)
        if all(one.in_use == in_use for one in mine):
            return False
        for one in mine:
            _keep(conn, one, in_use, now, account_id)
        _tell(conn, "use" if in_use else "stop using", mine[-1], now, account_id)
    return True


def change(site: "Site", content: Mapping[str, Any], *, now: datetime, account_id: int | None = None) -> Kept:
    """Keep a new rule, or a new version of a known one; the same again changes nothing."""
    given = checked(content)
    with site.store.write() as conn:
        kept = versions(conn, site.settings.school_radius_m)
        last = newest(kept).get(str(given["id"]))
        if last is not None and says(last, given):
            return last
        if last is not None:
            _keep(conn, last, last.in_use, now, account_id, retired_at=now)
        made = Kept(
            str(given["id"]),
            last.version + 1 if last else 1,
            given,
            bool(last and last.in_use),
            created_at=now,
        )
        _keep(conn, made, made.in_use, now, account_id)
        _tell(conn, "change", made, now, account_id)
    return made


def checked(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a rule, or refuse it by the field that is wrong."""
    given = _said(content)
    if not str(given.get("id") or "").strip():
        raise InvalidError("A rule needs an id", field="id")
    _check_shapes(given)
    _check_words(given)
    try:
        read_rules([{**given, "minus_rule": None}])
    except GeoError as error:
        raise InvalidError("%(reason)s", field="content", reason=error) from error
    return given


def _check_shapes(given: Mapping[str, Any]) -> None:
    """Refuse what the geometry would only trip over: lists that are none, hours that are no hours."""
    for key in ("activity", "protected_kinds", "exclude_gates"):
        texts = given.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            raise InvalidError("%(field)s must be a list of words", field=key)
    for key in ("inclusive", "same_street_only"):
        if not isinstance(given.get(key, True), bool):
            raise InvalidError("%(field)s must be true or false", field=key)
    for key in ("source", "assumed", "time_window", "measured_from_by_kind", "distance_m_by_variant"):
        if not isinstance(given.get(key, {}), dict):
            raise InvalidError("%(field)s must be an object", field=key)
    window = given.get("time_window", {})
    hours = window.get("hours") or []
    pairs = isinstance(hours, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in hours)
    if not pairs or not all(_HOUR.fullmatch(str(hour)) for pair in hours for hour in pair):
        raise InvalidError("Hours are pairs like 07:30-08:30", field="time_window")
    days = window.get("days") or []
    if not isinstance(days, list) or not set(map(str, days)) <= {*DAYS, *"1234567"}:
        raise InvalidError("Days are mon to sun", field="time_window")


def _check_words(given: Mapping[str, Any]) -> None:
    """Refuse trades and places that nothing is called: such a rule would be silent for ever."""
    for field in ("activity", "protected_kinds"):
        for word in given.get(field) or ():
            if word in known(field):
                continue
            near = difflib.get_close_matches(word, known(field), n=1, cutoff=0.6)
            if near:
                raise InvalidError(
                    "%(field)s: nothing is called %(given)s here; did you mean %(near)s?",
                    field=field,
                    given=word,
                    near=near[0],
                )
            raise InvalidError(
                "%(field)s: nothing is called %(given)s here; known: %(known)s",
                field=field,
                given=word,
                known=", ".join(sorted(known(field))),
            )


def says(kept: Kept, content: Mapping[str, Any]) -> bool:
    """Tell whether a version says just this."""
    return _said(kept.content) == _said(content)


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rule says, as JSON keeps it; a field without a value says nothing."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(content), default=str))
    return {key: value for key, value in plain.items() if value is not None}


def _keep(  # noqa: PLR0917
    conn: Connection,
    kept: Kept,
    in_use: bool,
    now: datetime,
    account_id: int | None,
    retired_at: datetime | None = None,
) -> None:
    table = clearance_rule
    same = (table.c.rule_id == kept.rule_id, table.c.version == kept.version)
    values = {"in_use": in_use, "retired_at": retired_at or kept.retired_at}
    if conn.execute(update(table).where(*same).values(**values)).rowcount:
        return
    fixed = {"rule_id": kept.rule_id, "version": kept.version, "content": dict(kept.content)}
    conn.execute(insert(table).values(**fixed, **values, created_at=now, account_id=account_id))


def _tell(conn: Connection, action: str, kept: Kept, now: datetime, account_id: int | None) -> None:
    history.append(
        conn,
        at=now,
        account_id=account_id,
        action=action,
        noun="clearance_rule",
        noun_id=kept.rule_id,
        version=kept.version,
    )
