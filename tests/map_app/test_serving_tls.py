"""`xuncha serve --tls` as a phone meets it: the certificate over plain HTTP, then a page that it trusts."""

import hashlib
import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import geopandas as gpd
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, Playwright, expect

from layers import certificates, people
from layers.city import key_points, networks
from layers.site import Site
from map_app import assets
from tests.conftest import at
from tests.map_app.conftest import PASSWORD, chromium_arguments, chromium_path
from tests.map_app.test_field import n_unsent, report, wait_until_kept
from tests.test_command_line import free_port

ROOT = Path(__file__).parents[2]


@dataclass
class Phone:
    """A served site, and how it is reached."""

    home: Path
    port: int
    door: int
    pid: int = 0

    @property
    def root(self) -> Path:
        return self.home / "tls" / "root.crt"

    def plain(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.door, timeout=20)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return found


@pytest.fixture(scope="module")
def phone(
    tmp_path_factory: pytest.TempPathFactory,
    streets: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame,
) -> Iterator[Phone]:
    assets.install()
    home, now = tmp_path_factory.mktemp("tls") / "home", datetime.now(UTC)
    site = Site.create(home, now=now)
    networks.add(site, streets, "town", "by hand", now=now)
    key_points.replace(site, "town", places, gates, now=now)
    with site.store.write() as conn:
        people.create(conn, "zhang", "张巡", "inspector", password=PASSWORD, now=now)
    site.close()
    served = Phone(home, free_port(), free_port())
    words = ["serve", home, "--tls", "--port", served.port, "--install-port", served.door, "--no-worker"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from layers.terminal import main; main()", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
        cwd=ROOT,
    )
    served.pid = process.pid
    try:
        _wait(served, process)
        yield served
    finally:
        # to the server alone: a process of the renewal may still be reading its modules
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "https://" in out
    assert f":{served.door}/phone" in out


def _wait(served: Phone, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            if served.plain("GET", "/phone")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    raise AssertionError(process.communicate(timeout=10))


def test_who_trusts_the_root_gets_answers_and_who_does_not_gets_none(phone: Phone) -> None:
    url = f"https://localhost:{phone.port}/api/v1/health"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(url, timeout=20, context=ssl.create_default_context())
    trusting = ssl.create_default_context(cafile=str(phone.root))
    with urllib.request.urlopen(url, timeout=20, context=trusting) as answer:
        assert json.load(answer)["status"] == "ok"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    with urllib.request.urlopen(
        f"https://127.0.0.1:{phone.port}/login", timeout=20, context=trusting
    ) as answer:
        cookie = answer.headers["Set-Cookie"]
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}


def test_a_phone_gets_the_certificate_over_plain_http_and_its_instructions_in_its_language(
    phone: Phone,
) -> None:
    status, headers, body = phone.plain("GET", "/phone/xuncha-root.crt")
    assert (status, headers["Content-Type"]) == (200, "application/x-x509-ca-cert")
    assert body == phone.root.read_bytes()
    for language, words in (("zh-CN", "证书信任设置"), ("en", "Certificate Trust Settings")):
        text = phone.plain("GET", "/phone", **{"Accept-Language": language})[2].decode()
        assert words in text
        assert f":{phone.door}/phone" in text
    assert "证书信任设置" in phone.plain("GET", "/phone?lang=zh", **{"Accept-Language": "en"})[2].decode()


def test_nothing_else_is_said_over_plain_http(phone: Phone) -> None:
    for path in ("/", "/login", "/findings?x=1", "/api/v1/health", "/tls/root.key", "//evil.example/"):
        status, headers, body = phone.plain("GET", path)
        assert (status, body) == (302, b"")
        assert headers["Location"].startswith(f"https://127.0.0.1:{phone.port}/")
    assert phone.plain("POST", "/login")[0] == 501
    assert "Set-Cookie" not in phone.plain("GET", "/phone")[1]
    status, headers, _ = phone.plain("GET", "/", Host="evil.example\\@x")
    assert status == 400 or "\\" not in headers["Location"]


@pytest.fixture(scope="module")
def trusting(playwright: Playwright, phone: Phone) -> Iterator[Browser]:
    """Give a browser that trusts the key of this server, and no other untrusted one."""
    server = x509.load_pem_x509_certificate((phone.home / "tls" / "server.crt").read_bytes())
    key = server.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = b64encode(hashlib.sha256(key).digest()).decode()
    browser = playwright.chromium.launch(
        executable_path=chromium_path(),
        args=[*chromium_arguments(), f"--ignore-certificate-errors-spki-list={pin}"],
    )
    yield browser
    browser.close()


def _entered(browser: Browser, phone: Phone) -> Page:
    lon, lat = at(90, 205)
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        geolocation={"longitude": lon, "latitude": lat, "accuracy": 6.0},
        permissions=["geolocation"],
        has_touch=True,
        locale="en",
    )
    page = context.new_page()
    page.goto(f"https://localhost:{phone.port}/login?next=/field")
    page.fill("input[name=login]", "zhang")
    page.fill("input[name=password]", PASSWORD)
    page.click("form .button")
    page.wait_for_url("**/field")
    return page


def _told(page: Page) -> None:
    """Go on telling the page where it is, as a phone does; a browser tells each place once, heard or not."""
    lon, lat = at(90, 205)
    until = time.monotonic() + 60
    for accuracy in itertools.cycle((7.0, 8.0)):
        page.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": accuracy})
        try:
            expect(page.locator("[data-part=position]")).to_contain_text("±", timeout=2_000)
        except AssertionError:
            assert time.monotonic() < until, "the page was told its position for a minute and did not listen"
        else:
            return


def test_the_page_for_the_phone_has_its_position_and_works_without_a_network(
    trusting: Browser, phone: Phone
) -> None:
    page = _entered(trusting, phone)
    assert page.evaluate("window.isSecureContext") is True
    expect(page.locator("[data-part=position]")).to_contain_text("6 m")
    wait_until_kept(page)
    page.context.set_offline(True)
    page.reload()
    _told(page)
    report(page, "without a network")
    n_unsent(page, 1)
    page.context.set_offline(False)
    n_unsent(page, 0)
    expect(page.locator(".understood")).to_contain_text("光荣道")
    page.context.close()


def test_a_renewed_certificate_is_served_by_the_same_server(phone: Phone) -> None:
    """As `layers.terminal.securing` does it every year; the old process answers until the new one does."""

    def shown() -> str | None:
        try:
            return ssl.get_server_certificate(("127.0.0.1", phone.port), timeout=20)
        except OSError:
            # on a machine so busy that a process takes longer to start than is waited for
            return None

    before, server = shown(), phone.home / "tls" / "server.crt"
    server.unlink()
    certificates.ensure(phone.home, ["localhost", "127.0.0.1"], now=datetime.now(UTC))
    os.kill(phone.pid, signal.SIGHUP)
    renewed = server.read_text(encoding="ascii")
    seen, until = [before], time.monotonic() + 150
    while seen[-10:] != [renewed] * 10 and time.monotonic() < until:
        time.sleep(0.2)
        seen.append(shown())
    assert set(seen) - {None} == {before, renewed}
    assert seen[-10:] == [renewed] * 10
