"""`xuncha rules`: which distance rules the site uses, out to a spreadsheet and back."""

from pathlib import Path

import click

from layers.city import clearance_rules, rule_sheets
from layers.errors import InvalidError
from layers.language import gettext
from layers.terminal import place
from layers.terminal.wording import Command, Group


@click.group(cls=Group, section="Look after the site", help="Distance rules around schools.")
def rules() -> None:
    """Hold the commands about rules."""


@rules.command(cls=Command, help="Write every rule into FILE, a spreadsheet (.csv or .xlsx).")
@click.argument("file", type=click.Path(path_type=Path))
@place.home_option
def export(file: Path, home: Path | None) -> None:
    """Write the newest version of every rule."""
    with place.opened(home) as site, site.store.read() as conn:
        kept = clearance_rules.newest(clearance_rules.versions(conn, site.settings.school_radius_m))
    n = rule_sheets.write(list(kept.values()), file)
    click.echo(gettext("%(n)s rules in %(file)s", n=n, file=file))


@rules.command("import", cls=Command, help="Read rules from FILE; a changed rule is a new version.")
@click.argument("file", type=click.Path(path_type=Path))
@place.home_option
def import_(file: Path, home: Path | None) -> None:
    """Keep the rules of a spreadsheet; refused rows are named and the others go in."""
    good, refused = rule_sheets.from_table(rule_sheets.read(file))
    with place.opened(home) as site:
        kept = rule_sheets.keep(site, good, now=place.now())
    refused += kept.refused
    for number, reason in kept.left:
        click.echo(gettext("Row %(row)s: %(reason)s", row=number, reason=reason))
    for number, reason in refused:
        click.echo(gettext("Row %(row)s refused: %(reason)s", row=number, reason=reason))
    click.echo(gettext("%(n)s rules read, %(refused)s refused", n=len(good), refused=len(refused)))
    if refused:
        raise InvalidError("%(n)s rows were refused", n=len(refused))


@rules.command(cls=Command, help="Put a rule into use at this site.")
@click.argument("rule_id")
@click.option("--stop", is_flag=True, help="Put it out of use.")
@place.home_option
def use(rule_id: str, *, stop: bool, home: Path | None) -> None:
    """Put a rule into use, or out of it."""
    with place.opened(home) as site:
        clearance_rules.use(site, rule_id, not stop, now=place.now())
    text = "Rule %(rule)s is no longer in use" if stop else "Rule %(rule)s is in use"
    click.echo(gettext(text, rule=rule_id))
