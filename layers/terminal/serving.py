"""`xuncha open` and `xuncha serve`: a site answering."""

import multiprocessing
import os
import secrets
import socket
import sys
import threading
import time
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any

import click
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.common import AbstractServer

from layers import first_accounts, language, people, shared
from layers.errors import SettingError
from layers.first_accounts import FirstAccount
from layers.importing import city
from layers.language import gettext
from layers.people import ROLES
from layers.settings import FILE_NAME, HERE
from layers.site import Site
from layers.terminal import demo, place, progress, securing, telling
from layers.terminal.doorstep import PAGE
from layers.terminal.following import SERVER
from layers.terminal.securing import EVERYWHERE, Listening
from layers.terminal.wording import Command, option
from layers.terminal.working import Watched

# What each account is for, and what to try with it first
_TRY = {
    "inspector": "inspector: report something at /field, then find it on the map",
    "planner": "planner: maps by street, heat, coverage, school zones",
    "supervisor": "supervisor: the list of findings, and one of them",
    "admin": "administrator: sees everything; accounts are made with xuncha account",
}
_HOST = option("--host", help="Address to listen on; this computer alone unless you say.")
_PORT = option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port; the site's unless you say, which is 8737 at first.",
)
_TLS = option(
    "--tls",
    is_flag=True,
    help="Serve HTTPS with a certificate of the site's own, on all addresses unless you say: phones need it.",
)
_DOOR = option(
    "--install-port",
    type=click.IntRange(1, 65535),
    help="Port where phones get the certificate; with --tls, the next one unless you say.",
)
_ANSWERING = option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many processes answer; two unless you say, one on a single core.",
)
_WORKER = option(
    "--worker/--no-worker", default=True, help="Do jobs beside the answers, as unless you say; or not."
)
# When certificates are renewed, the process that has the old ones answers until the next one does
_STARTS_WITHIN_S = 30.0
# SQLite lets one write at a time; more threads only wait for each other
_THREADS_PER_CORE = 2
# Set for the processes that answer
THREADS = "XUNCHA_THREADS"
# One interpreter is busy with one thing at a time, and each keeps the streets of the city in memory
_PROCESSES = 2


@click.command(
    "open",
    cls=Command,
    section="Begin",
    help="Serve the site in HOME; build it first if it is not there.",
    epilog="xuncha open site/demo\nxuncha open site/tianjin --osm tianjin.osm.pbf",
)
@click.argument("home", type=click.Path(path_type=Path, file_okay=False))
@option(
    "--osm", type=click.Path(path_type=Path), help="Extract for a new site; the demo city unless you say."
)
@_HOST
@_PORT
def open_(home: Path, osm: Path | None, host: str | None, port: int | None) -> None:
    """Build a site the first time, then serve it."""
    click.get_current_context().find_root().obj = home
    fresh = not (home / FILE_NAME).exists()
    if fresh and osm is None:
        demo.build(home)
    else:
        _open_or_build(home, osm)
    if fresh:
        _begin_again(home, host, port)
    _serve(home, host, port)


def _begin_again(home: Path, host: str | None, port: int | None) -> None:
    """Become a new program that serves the site: Python keeps the memory that building a city took."""
    words = [sys.executable, "-m", "layers.terminal", "--lang", language.current(), "open", str(home)]
    words += ["--host", host] if host else []
    words += ["--port", str(port)] if port else []
    sys.stdout.flush()
    os.execv(sys.executable, words)  # noqa: S606


def _open_or_build(home: Path, extract: Path | None) -> None:
    fresh = not (home / FILE_NAME).exists()
    site = Site.create(home, now=place.now()) if fresh else Site.open(home, now=place.now())
    try:
        if extract is not None and site.network_or_none() is None:
            _build(site, extract)
        _ensure_accounts(site)
    finally:
        site.close()


def _build(site: Site, extract: Path) -> None:
    with progress.shown() as shown:
        parts = city.import_osm(site, extract, now=place.now(), progress=shown)
    telling.tell_osm(extract, parts)


def _ensure_accounts(site: Site) -> None:
    """Make an account of each role where there is none; their passwords are kept for the owner to read."""
    with site.store.write() as conn:
        if people.all_accounts(conn):
            return
        made = {role: secrets.token_urlsafe(9) for role in reversed(ROLES)}
        for role, password in made.items():
            people.create(conn, role, role.title(), role, password=password, now=place.now())
    first_accounts.keep(site.settings.home, (FirstAccount(role, made[role], role) for role in made))


@click.command(
    cls=Command,
    section="Begin",
    help="Serve pages, maps and the HTTP interface.",
    epilog="xuncha serve beichen --port 9000\nxuncha serve beichen --tls",
)
@click.argument("home", type=click.Path(path_type=Path, file_okay=False), required=False)
@_HOST
@_PORT
@_ANSWERING
@_WORKER
@_TLS
@_DOOR
def serve(
    home: Path | None,
    host: str | None,
    port: int | None,
    *,
    processes: int | None,
    worker: bool,
    tls: bool,
    install_port: int | None,
) -> None:
    """Serve a site."""
    _serve(place.find(home), host, port, processes=processes, worker=worker, tls=tls, door=install_port)


def _serve(
    home: Path,
    host: str | None,
    port: int | None,
    *,
    processes: int | None = None,
    worker: bool = True,
    tls: bool = False,
    door: int | None = None,
) -> None:
    """Answer until Ctrl-C: some processes of several threads, and one beside them that does the jobs."""
    site = Site.open(home, now=place.now())
    settings = site.settings
    site.close()
    # phones are elsewhere: with certificates, this computer alone has to be asked for
    unless_said = EVERYWHERE[0] if tls and settings.host == HERE else settings.host
    address, number = host or unless_said, port or settings.port
    _check_free(address, number)
    os.environ |= {place.VARIABLE: str(home.resolve()), SERVER: str(os.getpid())}
    secured = securing.listening(settings, address, number, door) if tls else None
    if secured:
        _check_free(address, secured.served.door)
        os.environ[securing.VARIABLE] = f"{number} {secured.served.door}"
    # a fork after OpenMP has run ends in a crash: the worker starts from nothing
    multiprocessing.set_start_method("spawn", force=True)
    n_processes = processes or min(_PROCESSES, os.cpu_count() or 1)
    os.environ[THREADS] = str(max(_THREADS_PER_CORE * (os.cpu_count() or 1) // n_processes, 1))
    server = _server(address, number, secured, n_processes)
    # in the language of the command, which a thread of its own would not know
    telling_it = partial(copy_context().run, _announce, home, address, number, secured)
    announcer = threading.Thread(target=telling_it, daemon=True)
    server.on_startup(announcer.start)
    beside: list[Watched | securing.Kept] = [Watched(home)] if worker else []
    if secured:
        beside.append(securing.Kept(secured))
    with shared.opened(home):
        for one in beside:
            one.start()
        try:
            server.serve()
        finally:
            for one in beside:
                one.stop()
    click.echo(gettext("stopped"))


def _server(address: str, port: int, secured: Listening | None, n: int) -> AbstractServer[Any]:
    """Return the server with `n` processes."""
    files = secured.ensure() if secured else None
    return Granian(
        "xuncha:serve_app",
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        factory=True,
        workers=n,
        log_level=LogLevels.warning,
        ssl_cert=files.server if files else None,
        ssl_key=files.key if files else None,
        # one that the system has ended, for want of memory, say: the others answer until the next one does
        respawn_failed_workers=True,
        respawn_interval=_STARTS_WITHIN_S,
    )


def _check_free(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise SettingError(
                "Cannot listen on %(address)s port %(port)s: %(reason)s",
                field="port",
                address=address,
                port=port,
                reason=error.strerror or error,
            ) from error


def _wait_until_open(host: str, port: int) -> None:
    while True:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _announce(home: Path, address: str, port: int, secured: Listening | None) -> None:
    """Say where the site is, as soon as it answers: the first time, its kernels are compiled before."""
    _wait_until_open(securing.reached(address), port)
    hosts = securing.shown(secured) if secured else [address]
    scheme = "https" if secured else "http"
    urls = [f"{scheme}://{_in_url(host)}:{port}/" for host in hosts]
    click.echo(gettext("Xuncha is at %(address)s (Ctrl-C ends it)", address=", ".join(urls)))
    if secured:
        page = f"http://{_in_url(hosts[0])}:{secured.served.door}{PAGE}"
        click.echo(gettext("phones get the certificate at %(address)s", address=page))
    accounts = first_accounts.kept(home)
    if accounts:
        file = home / first_accounts.FILE_NAME
        click.echo(gettext("first accounts, with their passwords (%(file)s):", file=file))
    for one in accounts:
        click.echo(f"  {one.login:<12} {one.password:<14} {gettext(_TRY.get(one.post, one.post))}")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
