"""The pages of the town: as HTTP answers, and in a real Chromium."""

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

import map_app
import xuncha
from layers import people, sessions
from layers.city import districts, key_points, networks
from layers.field import findings, photos, tracks
from layers.field.tracks import Track
from layers.people import Account
from layers.site import Site
from map_app import assets
from map_app.pages.gate import HELD
from tests.conftest import IN_CI, at, report
from tests.field_api.test_photos import jpeg

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
PASSWORD = "four words make one"
# A busy machine may take its time; whoever waits for what never comes waits as long
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session", autouse=True)
def vendored() -> None:
    """Have the scripts from npm in their place, as `make` has."""
    assets.install()


class Client(FlaskClient):
    """A client that reads its answers whole, so that no file stays open."""

    def open(self, *given: Any, **options: Any) -> TestResponse:
        return super().open(*given, **{"buffered": True, **options})


@pytest.fixture
def app(site: Site, now: datetime) -> Flask:
    """Give the pages of the site, on an app with nothing else, the clock standing still."""
    app = Flask("pages", static_folder=None)
    app.testing = True
    app.test_client_class = Client
    map_app.register(app, site, clock=lambda: now)
    return app


@pytest.fixture
def enter(app: Flask, now: datetime) -> Callable[[Account], FlaskClient]:
    """Give clients that have logged in, in English."""

    def entered(account: Account) -> FlaskClient:
        client = app.test_client()
        with client.session_transaction() as session:
            session.update({"_user_id": str(account.id), HELD: sessions.begin(account.id, now).said()})
            session["language"] = "en"
        return client

    return entered


def chromium_path() -> str:
    """Return where Chromium is; in CI there must be one."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        if IN_CI:
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine")
    return path


def chromium_arguments() -> list[str]:
    return ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Give what drives browsers; there is one in a process."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Give a headless Chromium."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=chromium_arguments())
    yield browser
    browser.close()


@dataclass
class City:
    """A running server with a town full of findings."""

    site: Site
    url: str
    accounts: dict[str, Account]


@pytest.fixture(scope="session")
def city(new_city: Callable[[], City]) -> City:
    """Give the town behind a real server: findings with a hostile note, tracks and a photo."""
    return new_city()


@pytest.fixture(scope="session")
def new_city(
    tmp_path_factory: pytest.TempPathFactory,
    streets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
) -> Iterator[Callable[[], City]]:
    """Give what makes such a town of one's own, for tests that hand something in."""
    with ExitStack() as running:

        def made() -> City:
            home = tmp_path_factory.mktemp("city") / "home"
            return running.enter_context(_city(home, streets, places, gates, areas))

        yield made


@contextmanager
def _city(
    home: Path,
    streets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
) -> Iterator[City]:
    now = datetime.now(UTC)
    site = Site.create(home, now=now)
    networks.add(site, streets, "town", "© <b>by hand</b>", now=now)
    key_points.replace(site, "town", places, gates, now=now)
    districts.replace(site, "town", areas, now=now)
    accounts = _people(site, now)
    _fill(site, accounts["inspector"], now)
    with serving(site) as url:
        yield City(site, url, accounts)
    site.close()


@contextmanager
def serving(site: Site) -> Iterator[str]:
    """Let a real server answer for a site, and give its address."""
    server = make_server("127.0.0.1", 0, _closing(xuncha.create_app(site)), threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _closing(app: Flask) -> Callable[..., Iterator[bytes]]:
    """Return an app whose answers close themselves: werkzeug's server forgets to when a browser hangs up."""

    def answer(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        with closing(app(environ, start)) as pieces:  # type: ignore[type-var]
            yield from pieces

    return answer


def _people(site: Site, now: datetime) -> dict[str, Account]:
    with site.store.write() as conn:
        return {
            role: people.create(conn, role, name, role, password=PASSWORD, now=now)
            for role, name in (("inspector", "张巡"), ("supervisor", "王督"), ("admin", "管理员"))
        }


def _fill(site: Site, inspector: Account, now: datetime) -> None:
    rng = np.random.default_rng(5)
    codes = ("0406", "0401", "0110", "0201")
    reports = [
        report(
            number,
            float(east),
            float(north),
            now,
            code=codes[number % 4],
            observed_at=now - timedelta(days=number / 4, hours=1),
        )
        for number, (east, north) in enumerate(rng.uniform(0, 800, (80, 2)), 10)
    ]
    lone = report(1, 405, 603, now, code="0136", note=HOSTILE)
    findings.put_many(site, inspector, [*reports, lone], now=now)
    photos.attach(site, inspector, lone.uuid, jpeg("teal"), now=now)
    along = np.array([at(x, 400) for x in range(10, 800, 10)])
    walk = Track(
        uuid="00000000-0000-4000-8000-0000000000aa",
        lon=along[:, 0],
        lat=along[:, 1],
        time=(now - timedelta(days=2)).timestamp() + 8.0 * np.arange(len(along)),
        accuracy_m=np.full(len(along), 4.0),
        frame="wgs84",
        accuracy_kind="r68",
    )
    tracks.put(site, inspector, walk, now=now)


@dataclass
class Watched:
    """A page in a browser, with all that it complained about and all the hosts that it asked."""

    page: Page
    context: BrowserContext
    url: str
    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._ask)

    def _hear(self, message: object) -> None:
        if getattr(message, "type", None) in ("error", "warning"):
            self.complaints.append(str(getattr(message, "text", message)))

    def _ask(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.hosts.add(request.url.split("/")[2])

    def open(self, path: str) -> None:
        """Open a page of the server; of a map, wait until it is drawn."""
        self.page.goto(self.url + path)
        if path.startswith("/maps/"):
            self.drawn()

    def drawn(self) -> None:
        """Wait until the map has its data."""
        self.page.wait_for_selector("body[data-loading='false']", state="attached")

    def shot(self, name: str) -> None:
        """Keep a picture to look at."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.wait_for_timeout(500)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")

    def check(self) -> None:
        """Hold that the page was content and asked nobody else."""
        assert self.complaints == []
        assert self.hosts <= {self.url.split("/")[2]}


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true on a page whose policy forbids it to look by itself."""
    ends = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"never came true: {expression}"
        page.wait_for_timeout(50)


@pytest.fixture
def visit(chromium: Browser, city: City) -> Iterator[Callable[..., Watched]]:
    """Give pages of the city as one of its people sees them."""
    contexts: list[BrowserContext] = []

    def visited(login: str | None = "supervisor", language: str = "zh", **options: object) -> Watched:
        size = options.pop("viewport", {"width": 1280, "height": 800})
        context = chromium.new_context(viewport=size, locale="zh-CN", **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        watched = Watched(context.new_page(), context, city.url)
        if login:
            _log_in(watched, login, language)
        return watched

    yield visited
    for context in contexts:
        context.close()


def _log_in(watched: Watched, login: str, language: str) -> None:
    watched.open("/login")
    if language == "en":
        watched.page.click("button[value=en]")
    watched.page.fill("input[name=login]", login)
    watched.page.fill("input[name=password]", PASSWORD)
    watched.page.click("form .button")
    watched.page.wait_for_url(watched.url + "/")
