"""The page of imports: what came, and taking it back."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from layers.errors import ForbiddenError
from layers.field.asking import FindingFilter
from layers.field.findings import count
from layers.importing import field, undoing
from layers.people import Account
from layers.site import Site
from layers.worker import Worker, ticking
from tests.conftest import add_account
from tests.layers.importing.test_findings import write
from tests.layers.importing.test_undoing import OPTIONS, rows
from tests.layers.importing.test_undoing_layers import FIRST, bring
from tests.layers.importing.test_undoing_layers import write as squares

Enter = Callable[[Account], FlaskClient]


def test_an_import_is_listed_and_taken_back(
    enter: Enter, supervisor: Account, town: Site, now: datetime, tmp_path: Path
) -> None:
    field.import_findings(town, supervisor, write(tmp_path, rows(), "<b>.csv"), OPTIONS, now=now)
    client = enter(supervisor)
    text = client.get("/imports").get_data(as_text=True)
    assert "&lt;b&gt;.csv" in text
    token = text.split('name="csrf_token" value="')[1].split('"')[0]
    run = undoing.every(town)[0].id
    answer = client.post(f"/imports/{run}/undo", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs")
    Worker(town, ticking(now)).run_all()
    assert count(town, FindingFilter()) == 0
    assert "Undone" in client.get("/imports").get_data(as_text=True)
    assert client.post(f"/imports/{run}/undo", data={"csrf_token": token}).status_code == 409


def test_an_inspector_takes_nothing_back(enter: Enter, inspector: Account, site: Site) -> None:
    client = enter(inspector)
    assert client.get("/imports").status_code == 403


def test_who_may_not_import_areas_does_not_take_them_back(
    enter: Enter, supervisor: Account, town: Site, now: datetime, tmp_path: Path
) -> None:
    admin = add_account(town, "admin", "admin", now)
    run = bring(town, "districts", squares(tmp_path, "districts", FIRST), now)
    client = enter(supervisor)
    text = client.get("/imports").get_data(as_text=True)
    assert f"/imports/{run}/undo" not in text
    token = client.get("/jobs").get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    assert client.post(f"/imports/{run}/undo", data={"csrf_token": token}).status_code == 403
    with pytest.raises(ForbiddenError):
        undoing.order(town, supervisor, run, force=False, now=now)
    assert undoing.get(town, run).undone_at is None
    assert undoing.order(town, admin, run, force=False, now=now)
