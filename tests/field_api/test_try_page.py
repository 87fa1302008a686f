"""The page to try the interface, in a real browser: nothing foreign, nothing blocked, calls go through."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.conftest import IN_CI
from tests.field_api.conftest import V1
from tests.field_api.test_server import Server, server

__all__ = ["server"]
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("api server")]
WAIT_MS = 60_000
VERBS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def page() -> Iterator[Page]:
    """Give an empty page of the system's Chromium; in CI there must be one."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if IN_CI:
            pytest.fail("no Chromium")
        pytest.skip("no Chromium")
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=alone)
        yield browser.new_page()
        browser.close()


def test_every_call_is_shown_and_can_be_tried_without_a_foreign_host(server: Server, page: Page) -> None:
    foreign: list[str] = []
    told: list[str] = []
    origin = f"http://127.0.0.1:{server.port}"

    def only_ours(route: Route) -> None:
        url = route.request.url
        if url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(url)
            route.abort()

    page.route("**/*", only_ours)
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(f"{origin}{V1}/docs")
    page.locator(".opblock").first.wait_for(timeout=WAIT_MS)
    described = page.request.get(f"{origin}{V1}/openapi.json").json()["paths"]
    calls = {(path, verb) for path, verbs in described.items() for verb in verbs if verb in VERBS}
    assert page.locator(".opblock").count() == len(calls) >= 17

    page.locator("button.authorize").first.click()
    page.locator(".auth-container input").fill(server.token)
    page.locator(".auth-btn-wrapper button.authorize").click()
    page.locator(".auth-btn-wrapper button.btn-done").click()
    mine = page.locator(".opblock", has=page.locator('[data-path="/api/v1/me"]'))
    mine.locator(".opblock-summary-control").click()
    mine.get_by_role("button", name="Try it out").click()
    mine.get_by_role("button", name="Execute").click()
    answer = mine.locator(".live-responses-table tbody .response-col_description")
    answer.first.wait_for(timeout=WAIT_MS)
    assert "zhang" in answer.first.inner_text()
    assert foreign == []
    assert told == []
