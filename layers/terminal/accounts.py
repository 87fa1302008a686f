"""`xuncha account`: who may come in."""

import sys
from pathlib import Path

import click

from layers import passwords, people, tokens
from layers.language import LANGUAGES, gettext
from layers.people import ROLES, Scope
from layers.terminal import place
from layers.terminal.wording import Command, Group, Known, option


@click.group(cls=Group, section="Look after the site", help="Accounts, passwords and tokens.")
def account() -> None:
    """Hold the commands about accounts."""


@account.command(
    cls=Command,
    help="Add an account; asks for its password.",
    epilog="xuncha account add zhang --name 张三 --role inspector --home beichen",
)
@click.argument("login")
@option("--name", default="", help="The person's name.")
@option(
    "--role",
    type=Known(ROLES),
    default="inspector",
    help="inspector, desk, supervisor, unit, viewer or admin; inspector else.",
)
@option("--language", type=Known(list(LANGUAGES)), help="zh or en; the site's unless you say.")
@option("--no-password", is_flag=True, help="Only tokens, for a device or a program.")
@place.home_option
def add(
    login: str,
    *,
    name: str,
    role: str,
    language: str | None,
    no_password: bool,
    home: Path | None,
) -> None:
    """Add an account."""
    with place.opened(home) as site:
        password = None if no_password else _ask()
        with site.store.write() as conn:
            people.create(conn, login, name, role, password=password, language=language, now=place.now())
    click.echo(gettext("Account %(login)s may come in as %(role)s", login=login, role=role))


def _ask() -> str:
    """Ask for a password twice; one line of standard input where nobody is there to be asked."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(gettext("Password"), hide_input=True, confirmation_prompt=True))


@account.command("list", cls=Command, help="List the accounts.")
@place.home_option
def list_(home: Path | None) -> None:
    """List the accounts."""
    with place.opened(home) as site, site.store.read() as conn:
        for one in people.all_accounts(conn):
            click.echo(f"{one.login}\t{one.role}\t{one.name}")


@account.command(
    cls=Command,
    help="Give an account another role.",
    epilog="xuncha account role zhang supervisor --home beichen",
)
@click.argument("login")
@click.argument("role", type=Known(ROLES))
@place.home_option
def role(login: str, role: str, home: Path | None) -> None:
    """Give an account another role."""
    with place.opened(home) as site, site.store.write() as conn:
        found = people.by_login(conn, login)
        people.change(conn, found.id, name=found.name, role=role, by=None, now=place.now())
    click.echo(gettext("Account %(login)s may come in as %(role)s", login=login, role=role))


@account.command("password", cls=Command, help="Give an account a new password.")
@click.argument("login")
@option("--once", is_flag=True, help="Show a password that is good once, for three days.")
@place.home_option
def password_(login: str, *, once: bool, home: Path | None) -> None:
    """Set a password."""
    with place.opened(home) as site:
        if once:
            shown = passwords.one_time()
            kept = passwords.hashed(shown)
            with site.store.write() as conn:
                found = people.by_login(conn, login)
                people.give_password(conn, found.id, kept, by=None, now=place.now())
            click.echo(shown)
            return
        new = _ask()
        with site.store.write() as conn:
            people.set_password(conn, people.by_login(conn, login).id, new, place.now())
    click.echo(gettext("Account %(login)s has a new password", login=login))


@account.command(
    cls=Command,
    help="Issue a token for the HTTP interface; it is shown this once.",
    epilog="xuncha account token zhang --label phone --home beichen",
)
@click.argument("login")
@option("--label", default="", help="What the token is for.")
@place.home_option
def token(login: str, label: str, home: Path | None) -> None:
    """Issue a token."""
    with place.opened(home) as site, site.store.write() as conn:
        click.echo(tokens.issue(conn, people.by_login(conn, login).id, label, place.now()))


@account.command(
    cls=Command,
    help="Limit an account to areas and categories; without any, lift its limits.",
    epilog="xuncha account limit yuanlin --district 12 --category gbt30428-2013-event.0406 --home beichen",
)
@click.argument("login")
@option("--district", "districts", type=int, multiple=True, help="Id of an area; as often as needed.")
@option("--category", "categories", multiple=True, help="scheme.code; as often as needed.")
@place.home_option
def limit(login: str, *, districts: tuple[int, ...], categories: tuple[str, ...], home: Path | None) -> None:
    """Limit an account."""
    with place.opened(home) as site:
        known = [site.taxonomy.parse(text) for text in categories]
        scope = Scope(districts, tuple((one.scheme, one.code) for one in known))
        with site.store.write() as conn:
            people.limit(conn, people.by_login(conn, login).id, scope, by=None, now=place.now())
    told = "Account %(login)s is limited" if scope.is_limited else "Account %(login)s has no limits"
    click.echo(gettext(told, login=login))


@account.command(cls=Command, help="Let an account in again that was shut out.")
@click.argument("login")
@place.home_option
def readmit(login: str, home: Path | None) -> None:
    """Let an account in again."""
    with place.opened(home) as site, site.store.write() as conn:
        people.readmit(conn, people.by_login(conn, login).id, by=None, now=place.now())
    click.echo(gettext("Account %(login)s may come in again", login=login))


@account.command(cls=Command, help="Shut an account out, tokens and all; its records stay.")
@click.argument("login")
@place.home_option
def disable(login: str, home: Path | None) -> None:
    """Shut an account out."""
    with place.opened(home) as site, site.store.write() as conn:
        people.disable(conn, people.by_login(conn, login).id, by=None, now=place.now())
    click.echo(gettext("Account %(login)s is shut out", login=login))
