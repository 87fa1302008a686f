"""The language of a page, and what templates can say."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, g, request, session, url_for
from flask_login import current_user

from layers import language
from layers.field.asking import FindingFilter
from layers.field.scope import seen_by
from layers.language import gettext, ngettext
from layers.people import may
from map_app import icons, subjects, words
from map_app.pages.service import site


def prepare(app: Flask, pages: Blueprint) -> None:
    """Teach the templates to speak, and choose the language before every page."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]
    app.jinja_env.filters["local_time"] = _local
    app.jinja_env.filters["number"] = words.number
    app.jinja_env.filters["probability"] = words.probability
    pages.before_request(choose)
    pages.context_processor(said_on_every_page)


def choose() -> None:
    """Speak the language chosen on this device, else the account's, else the site's."""
    account = current_user.account.language if current_user.is_authenticated else None
    language.choose(session.get("language") or account or site().settings.language)


def said_on_every_page() -> dict[str, Any]:
    """Return what every template may say."""
    return {
        "nonce": g.get("nonce", ""),
        "language": language.current(),
        "lang": {"zh": "zh-CN"}.get(language.current(), language.current()),
        "languages": language.LANGUAGES,
        "visitor": current_user.account if current_user.is_authenticated else None,
        "icon": icons.icon,
        "asset": asset,
        "here": request.full_path.rstrip("?"),
        "navigation": navigation,
        "role_name": role_name,
        "brand": icons.brand(),
    }


def navigation() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the groups of pages that the head of every page leads to; a page is named by its endpoint."""
    rules = ("pages.rules.listed", gettext("Distance rules"))
    around = ("pages.surroundings.listed", gettext("Surroundings of schools"))
    places = ("pages.places.listed", gettext("Surroundings of other places"))
    decided = (
        ("pages.arbitration.page", gettext("Arbitration")),
        ("pages.duplicates.page", gettext("Duplicates")),
    )
    report = (("pages.field.page", gettext("Report")), ("pages.phone.page", gettext("On a phone")))
    planned = ("pages.patrol_plan.page", gettext("Patrol plan"))
    walk = ("pages.team_walk.page", gettext("My team's walk"))
    checked = ("pages.checks.listed", gettext("Checks made"))
    parked = ("pages.parking.page", gettext("Parking in numbers"))
    work = ("pages.jobs.page", gettext("Background work"))
    imports = ("pages.imports.page", gettext("Imports"))
    told = ("pages.webhooks.page", gettext("Webhooks"))
    doctor = ("pages.datum_doctor.page", gettext("Datum doctor"))
    accounts = ("pages.accounts.listed", gettext("Accounts"))
    lived = ("pages.population.page", gettext("Population"))
    mine = ("pages.own.page", gettext("My account"))
    patrols = [
        ("pages.coverage.tables", gettext("Coverage in numbers")),
        *_for("overview", planned, parked),
        *_for("report", walk, checked),
        ("pages.targets.page", gettext("Targets")),
    ]
    groups = [
        (gettext("Maps"), [(f"pages.maps.{name}", subjects.subject(name).short) for name in map_names()]),
        (
            gettext("Records"),
            [
                ("pages.findings.listed", gettext("List")),
                *_for("report", *report),
                *_for("decide", *decided),
            ],
        ),
        (gettext("Patrols"), patrols),
        (gettext("Surroundings"), [*_for("surroundings", around, places), rules]),
        (
            gettext("Site"),
            [
                *_for("jobs", imports, work, told),
                *_for("datum", doctor),
                *_for("accounts", lived, accounts),
                mine,
            ],
        ),
    ]
    return [(name, entries) for name, entries in groups if entries]


def map_names() -> list[str]:
    """Return the maps that the visitor may look at: hotspots are of the whole city or nobody's."""
    limited = seen_by(current_user.account, FindingFilter()).within is not None
    return [name for name in subjects.NAMES if not (limited and name == "hotspots")]


def _for(act: str, *entries: tuple[str, str]) -> list[tuple[str, str]]:
    """Return these entries for a visitor who may do what they are for."""
    return list(entries) if current_user.is_authenticated and may(current_user.account, act) else []


def role_name(role: str) -> str:
    """Return what a role is called."""
    names = {"unit": "responsible unit", "admin": "administrator"}
    return gettext(names.get(role, role))


def asset(name: str) -> str:
    """Return the address of one of our static files."""
    return url_for("pages.static", filename=name)


def _local(instant: datetime | None, with_time: bool = True) -> str:
    return words.local_time(instant, site().settings.zone, with_time=with_time)
