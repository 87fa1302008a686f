"""The page of the work beside the answers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask.testing import FlaskClient

from layers import jobs
from layers.people import Account
from layers.site import Site
from layers.worker import Worker, ticking
from tests.layers.counting import HANDLERS

Enter = Callable[[Account], FlaskClient]


def put(site: Site, kind: str, now: datetime) -> int:
    with site.store.write() as conn:
        return jobs.put(conn, kind, {"n": 3}, now=now)


def text(client: FlaskClient) -> str:
    return client.get("/jobs").get_data(as_text=True)


def test_the_page_tells_what_waits_runs_and_failed_and_why(
    enter: Enter, supervisor: Account, site: Site, now: datetime
) -> None:
    client = enter(supervisor)
    assert "Nothing waits" in text(client)
    failed = put(site, "refuse", now - timedelta(hours=1))
    Worker(site, ticking(now), handlers=HANDLERS).run_all()
    put(site, "count", now)
    running = jobs.take(site, "w", now=now)
    assert running is not None
    jobs.report(site, running.id, "w", ("placing findings on the new streets", 1200, 5000))
    put(site, "derive", now)
    shown = text(client)
    assert 'data-busy="true"' in shown
    assert "placing findings on the new streets 1,200 / 5,000" in shown
    assert '<progress max="1" value="0.24">' in shown
    assert "x is not a number" in shown
    assert [shown.index(f'data-state="{state}"') for state in ("running", "waiting", "failed")] == sorted(
        shown.index(f'data-state="{state}"') for state in ("running", "waiting", "failed")
    )
    token = shown.split('name="csrf_token" value="')[1].split('"')[0]
    assert client.post(f"/jobs/{failed}/retry", data={"csrf_token": token}).status_code == 303
    assert jobs.get(site, failed).state(now) == "waiting"
    assert client.post(f"/jobs/{failed}/retry", data={"csrf_token": token}).status_code == 409


def test_an_inspector_sees_no_jobs(enter: Enter, inspector: Account, site: Site) -> None:
    client = enter(inspector)
    assert client.get("/jobs").status_code == 403
    assert "/jobs" not in client.get("/findings").get_data(as_text=True)
