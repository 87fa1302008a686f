"""`xuncha datum`: devices whose positions are shifted, and what is done about them."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path

import click

from geo.datum import FRAMES
from layers import people
from layers.errors import NotFoundError
from layers.field import datum as doctor
from layers.field import shifts
from layers.field.datum import Prescription
from layers.importing.progress import Progress
from layers.language import gettext
from layers.people import Account
from layers.site import Site
from layers.terminal import place, progress
from layers.terminal.wording import Command, Group, Known, option


@click.group(cls=Group, section="Look after the site", help="Devices whose positions are shifted.")
def datum() -> None:
    """Hold the commands about the frames of devices."""


@datum.command(
    cls=Command, help="Name the devices whose positions fit the streets in another frame than they say."
)
@place.home_option
def check(home: Path | None) -> None:
    """List the devices that are or may be shifted."""
    with place.opened(home) as site:
        found = shifts.find(site)
    for one in found:
        text = gettext(
            "%(device)s: says %(frame)s, fits as %(guess)s (%(share)s %% near a street, now %(now)s %%)",
            device=one.device,
            frame=one.frame,
            guess=one.guess,
            share=f"{100 * one.near_share_guess:.1f}",
            now=f"{100 * one.near_share:.1f}",
        )
        click.echo(text if one.sure else f"{text}, {gettext('not sure')}")
    if not found:
        click.echo(gettext("No device is shifted"))


@datum.command(
    cls=Command,
    help="Read the positions of a device in another frame than it says.",
    epilog="xuncha datum apply 990101-M013 --frame wgs84 --true-frame gcj02 --from 2026-08-01 "
    "--reason '…' --by wang",
)
@click.argument("device")
@option("--frame", type=Known(FRAMES), required=True, help="The frame as the device declares it.")
@option("--true-frame", type=Known(FRAMES), required=True, help="The frame in which its positions truly are.")
@option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="First day of the period, such as 2020-09-25.",
)
@option(
    "--until",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last day of the period; open unless you say.",
)
@option("--reason", required=True, help="Why.")
@option("--by", required=True, help="Login of the supervisor or administrator who decides.")
@place.home_option
def apply(
    device: str,
    *,
    frame: str,
    true_frame: str,
    first: datetime,
    last: datetime | None,
    reason: str,
    by: str,
    home: Path | None,
) -> None:
    """Apply a correction; the evidence of the moment is kept with it."""
    with place.opened(home) as site, progress.shown() as shown:
        found = shifts.find(site, device=device)
        fits = (one for one in found if (one.frame, one.guess) == (frame, true_frame))
        evidence = next((one.evidence() for one in fits), None)
        what = Prescription(
            device=device,
            frame=frame,
            true_frame=true_frame,
            from_at=_start_of(site, first),
            until_at=None if last is None else _start_of(site, last + timedelta(days=1)),
            evidence=evidence,
        )
        key = doctor.apply(
            site, _account(site, by), what, reason=reason, now=place.now(), progress=_steps(shown)
        )
    click.echo(gettext("Correction %(id)s is in force", id=key))


@datum.command(cls=Command, help="Take a correction back.")
@click.argument("correction", type=int)
@option("--by", required=True, help="Login of the supervisor or administrator who decides.")
@place.home_option
def withdraw(correction: int, *, by: str, home: Path | None) -> None:
    """Take a correction back."""
    with place.opened(home) as site, progress.shown() as shown:
        doctor.withdraw(site, _account(site, by), correction, now=place.now(), progress=_steps(shown))
    click.echo(gettext("Correction %(id)s is taken back", id=correction))


def _steps(shown: Progress) -> Callable[[int, int], None]:
    return lambda done, total: shown(doctor.STEP, done, total)


def _start_of(site: Site, day: datetime) -> datetime:
    return datetime.combine(day.date(), time(), site.settings.zone)


def _account(site: Site, login: str) -> Account:
    with site.store.read() as conn:
        for one in people.all_accounts(conn):
            if one.login == login:
                return one
    raise NotFoundError("There is no account %(login)s", login=login)
