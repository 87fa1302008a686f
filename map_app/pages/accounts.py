"""Who may come in: the list of accounts, and a page for each to limit it, give it a token or shut it out."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from layers import people, teams, tokens
from layers.city import taxonomy
from layers.errors import InvalidError, XunchaError
from layers.language import explain, gettext
from layers.people import ROLES, Account, Scope
from layers.tokens import Token
from map_app import legend
from map_app.pages import deeds, devices, filters
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("accounts", __name__)

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account is limited to, in words."""

    areas: str
    categories: str


@blueprint.get("/accounts")
def listed() -> ResponseReturnValue:
    """List the accounts, with a form for a new one."""
    allow("accounts")
    return _list()


@blueprint.post("/accounts")
def create() -> ResponseReturnValue:
    """Make an account; without a password it can only use tokens."""
    allow("accounts")
    given = request.form
    try:
        with site().store.write() as conn:
            made = people.create(
                conn,
                given.get("login", "").strip(),
                given.get("name", ""),
                given.get("role", ""),
                password=given.get("password") or None,
                must_change=bool(given.get("password")),
                now=now(),
                by=visitor().id,
            )
    except XunchaError as error:
        return _list(explain(error)), 422
    return redirect(url_for(".one", account_id=made.id), 303)


def _list(message: str | None = None) -> str:
    with site().store.read() as conn:
        accounts, gone = people.all_accounts(conn), people.shut_out(conn)
    return render_template(
        "map_app/accounts.html",
        accounts=[(one, _limits(one)) for one in accounts],
        gone=gone,
        roles=ROLES,
        message=message,
        given=request.form,
    )


@blueprint.get("/accounts/<int:account_id>")
def one(account_id: int) -> ResponseReturnValue:
    """Show one account."""
    allow("accounts")
    return page_of(account_id)


@blueprint.post("/accounts/<int:account_id>/limits")
def limit(account_id: int) -> ResponseReturnValue:
    """Limit an account to the areas and categories chosen; none lifts the limit."""
    allow("accounts")
    areas = [_number(text) for text in request.form.getlist("district")]
    chosen = [pair for text in request.form.getlist("category") for pair in filters.categories(text) or ()]
    with site().store.write() as conn:
        people.limit(conn, account_id, Scope(tuple(areas), tuple(chosen)), by=visitor().id, now=now())
    return redirect(url_for(".one", account_id=account_id), 303)


@blueprint.post("/accounts/<int:account_id>/team")
def team(account_id: int) -> ResponseReturnValue:
    """Put an account into a team from now on; what it did before stays with the team of then."""
    allow("accounts")
    with site().store.write() as conn:
        whom = people.by_id(conn, account_id).id
        teams.join(conn, whom, request.form.get("team"), since=now(), now=now(), by=visitor().id)
    return redirect(url_for(".one", account_id=account_id), 303)


@blueprint.post("/accounts/<int:account_id>/token")
def token(account_id: int) -> ResponseReturnValue:
    """Issue a token and show it, this once: it is nowhere else."""
    allow("accounts")
    account, label = _account(account_id), devices.label(request.form.get("label", ""))
    limit = request.form.get("per_minute") or None
    per_minute = _number(limit, "per_minute") if limit else None
    with site().store.write() as conn:
        secret = tokens.issue(conn, account.id, label, now(), by=visitor().id, per_minute=per_minute)
    return page_of(account.id, secret=secret)


@blueprint.post("/accounts/<int:account_id>/tokens/<int:token_id>/revoke")
def revoke(account_id: int, token_id: int) -> ResponseReturnValue:
    """Shut out a phone or a program of an account."""
    allow("accounts")
    with site().store.write() as conn:
        tokens.revoke(conn, token_id, by=visitor().id, now=now(), of=account_id)
    return redirect(url_for(".one", account_id=account_id), 303)


@blueprint.post("/accounts/<int:account_id>/disable")
def disable(account_id: int) -> ResponseReturnValue:
    """Shut an account out, tokens and all."""
    allow("accounts")
    if account_id == visitor().id:
        raise InvalidError("Nobody shuts himself out: ask another administrator")
    with site().store.write() as conn:
        people.disable(conn, people.by_id(conn, account_id).id, by=visitor().id, now=now())
    return redirect(url_for(".listed"), 303)


def _account(account_id: int) -> Account:
    with site().store.read() as conn:
        return people.by_id(conn, account_id)


def page_of(account_id: int, *, secret: str | None = None, password: str | None = None) -> str:
    """Return the page of an account; a new token or password is shown on it, this once."""
    account = _account(account_id)
    chosen = {f"{scheme}.{code}" for scheme, code in account.scope.categories}
    with site().store.read() as conn:
        own_team, known_teams = teams.of(conn, account.id, now()), teams.names(conn)
    return render_template(
        "map_app/one_account.html",
        account=account,
        limits=_limits(account),
        team=own_team,
        teams=known_teams,
        new=devices.shown(secret),
        password=password,
        roles=ROLES,
        deeds=_deeds(account),
        tokens=_tokens(account),
        revoke_at=lambda token_id: url_for("pages.accounts.revoke", account_id=account.id, token_id=token_id),
        is_me=account.id == visitor().id,
        areas=_areas(account),
        districts={str(fid) for fid in account.scope.districts},
        groups=filters.category_groups(also=account.scope.categories),
        categories=chosen,
    )


def _tokens(account: Account) -> list[Token]:
    with site().store.read() as conn:
        return tokens.of_account(conn, account.id)


def _deeds(account: Account) -> list[deeds.Deed]:
    with site().store.read() as conn:
        return deeds.of_account(conn, account.id)


def _areas(account: Account) -> list[filters.Group]:
    """Return the areas to choose from, and those that the account has whatever the lists leave out."""
    groups = filters.district_groups()
    there = {option.value for group in groups for option in group.options}
    rows = site().districts.frame
    lacking = rows[rows["fid"].isin(account.scope.districts) & ~rows["fid"].astype(str).isin(there)]
    if lacking.empty:
        return groups
    options = [filters.Option(str(row.fid), str(row.name or row.fid)) for row in lacking.itertuples()]
    return [*groups, filters.Group(gettext("others"), options)]


def _limits(account: Account) -> Limits:
    rows = site().districts.frame
    own = rows[rows["fid"].isin(account.scope.districts)]
    areas = [f"{row.name or row.fid} ({taxonomy.level_name(str(row.level))})" for row in own.itertuples()]
    names = [legend.name(site().taxonomy, scheme, code) for scheme, code in account.scope.categories]
    if account.role == "inspector":
        unlimited = gettext("own")
    elif account.role == "unit" and not account.scope.is_limited:
        unlimited = gettext("none")
    else:
        unlimited = gettext("all")
    comma = gettext(", ")
    return Limits(comma.join(areas) or unlimited, comma.join(names) or unlimited)


def _number(text: str, field: str = "district") -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise InvalidError("%(given)s is not a number", field=field, given=text[:40])
    return int(text)
