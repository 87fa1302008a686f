"""A full disk, a locked store, a photo folder that is gone: told, nothing half done, over by itself."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url, text
from werkzeug.test import TestResponse

import field_api
from layers import checking, tokens
from layers.city import networks
from layers.site import Site
from layers.store import schema
from tests.conftest import add_account
from tests.field_api.conftest import ONE_STORE, Person, finding, track, uuid
from tests.field_api.test_findings import count
from tests.field_api.test_photos import jpeg

# Takes the lock as another program would, says so, and keeps it until it is told to end
_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """Give a small file system of its own; only the owner of the machine may make one."""
    place.mkdir()
    given = ",".join(("size=6m", *options))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", given, "tmpfs", str(place)], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    with mounted(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def cramped(small_disk: Path, streets: gpd.GeoDataFrame, now: datetime) -> Iterator[tuple[Site, Person]]:
    """Give a site on the small disk, and somebody at its door."""
    site = Site.create(small_disk / "home", now=now, busy_timeout_s=2.0)
    networks.add(site, streets, "town", "by hand", now=now)
    account = add_account(site, "zhang", "inspector", now)
    with site.store.write() as conn:
        token = tokens.issue(conn, account.id, "phone", now=now)
    app = Flask("xuncha")
    field_api.register(app, site, clock=lambda: now)
    yield site, Person(app.test_client(), token)
    site.close()


def is_refused(answer: TestResponse, status: int, code: str) -> bool:
    error = answer.json["error"]
    return (answer.status_code, error["code"]) == (status, code) and int(answer.headers["Retry-After"]) > 0


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk but for some bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        file.write(bytes(max(shutil.disk_usage(disk).free - leave, 0)))
    return ballast


@pytest.mark.parametrize("leave", [0, 4096, 20_000, 120_000])
def test_a_full_disk_says_so_keeps_what_was_taken_and_goes_on_when_there_is_room(
    cramped: tuple[Site, Person], small_disk: Path, leave: int
) -> None:
    site, me = cramped
    assert me.put(f"/findings/{uuid(1)}", json=finding()).status_code == 201
    ballast = fill(small_disk, leave)
    answers = {number: me.put(f"/findings/{uuid(number)}", json=finding()) for number in range(2, 30)}
    photos = [
        me.put(f"/findings/{uuid(1)}/photos", data=jpeg(colour, (900, 700)), content_type="image/jpeg")
        for colour in ("red", "green", "blue", "teal")
    ]
    for answer in (*answers.values(), *photos):
        assert answer.status_code == 201 or is_refused(answer, 507, "no_space"), answer.text
    assert not leave or answers[29].status_code == 507 or photos[-1].status_code == 507
    assert me.get("/findings").status_code == 200
    taken = {1, *(number for number, answer in answers.items() if answer.status_code == 201)}
    shown = {each["id"] for each in me.get("/findings").json["features"]}
    assert shown == {uuid(number) for number in taken}
    assert not list((small_disk / "home" / "photos").rglob(".*"))
    ballast.unlink()
    assert me.put(f"/findings/{uuid(40)}", json=finding()).status_code == 201
    sent = me.put(f"/findings/{uuid(1)}/photos", data=jpeg("white", (900, 700)), content_type="image/jpeg")
    assert sent.status_code == 201
    assert checking.soundness(site).is_sound
    assert count(site, schema.finding) == count(site, schema.placement) == len(taken) + 1


def test_a_photo_folder_that_turned_read_only_keeps_the_row_out(
    cramped: tuple[Site, Person], small_disk: Path
) -> None:
    _, me = cramped
    me.put(f"/findings/{uuid(1)}", json=finding())

    folder = small_disk / "home" / "photos"
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        photo = me.put(f"/findings/{uuid(1)}/photos", data=jpeg(), content_type="image/jpeg")
        assert is_refused(photo, 503, "busy"), photo.text
        assert me.get(f"/findings/{uuid(1)}").json["photos"] == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    photo = me.put(f"/findings/{uuid(1)}/photos", data=jpeg(), content_type="image/jpeg")
    assert photo.status_code == 201


@pytest.fixture
def hurried(town: Site, me: Person, now: datetime) -> Iterator[Person]:
    """Give somebody at the door of the town who waits a third of a second for the store."""
    replace(town.settings, busy_timeout_s=0.3).write()
    site = Site.open(town.settings.home, now=now)
    app = Flask("xuncha")
    field_api.register(app, site, clock=lambda: now)
    yield Person(app.test_client(), me.token)
    site.close()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Let another process hold the lock of a GeoPackage."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield


@ONE_STORE
def test_a_store_locked_by_another_program_is_busy_for_writers_and_open_for_readers(
    hurried: Person, town: Site
) -> None:
    hurried.put(f"/findings/{uuid(1)}", json=finding())
    sends: list[Callable[[], TestResponse]] = [
        lambda: hurried.put(f"/findings/{uuid(2)}", json=finding()),
        lambda: hurried.put(f"/tracks/{uuid(2)}", json=track()),
        lambda: hurried.put(f"/findings/{uuid(1)}/photos", data=jpeg(), content_type="image/jpeg"),
        lambda: hurried.ask("PATCH", f"/findings/{uuid(1)}", json={"version": 1, "note": "新"}),
        lambda: hurried.post("/findings", json={"findings": [finding(uuid=uuid(3))]}),
    ]
    with held(town.settings.home / "site.gpkg"):
        for send in sends:
            answer = send()
            assert is_refused(answer, 503, "busy"), answer.text
        assert hurried.get(f"/findings/{uuid(1)}").json["note"] == "占道经营"
        assert hurried.get("/health").status_code == 200
    for send in sends:
        assert send().status_code in (200, 201)
    assert count(town, schema.finding) == 3
    assert count(town, schema.track) == 1


@ONE_STORE
def test_a_photo_folder_that_is_gone_is_told_and_findings_still_come_in(me: Person, town: Site) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())
    where = f"/findings/{uuid(1)}/photos"
    first = me.put(where, data=jpeg("red"), content_type="image/jpeg").json["sha256"]
    folder = town.settings.home / "photos"
    folder.rename(folder.with_name("unmounted"))
    assert is_refused(me.put(where, data=jpeg("blue"), content_type="image/jpeg"), 503, "busy")
    assert is_refused(me.get(f"/photos/{first}"), 503, "busy")
    assert me.put(f"/findings/{uuid(2)}", json=finding()).status_code == 201
    assert len(me.get(f"/findings/{uuid(1)}").json["photos"]) == 1
    assert not folder.exists()
    folder.with_name("unmounted").rename(folder)
    assert me.get(f"/photos/{first}").status_code == 200
    assert me.put(where, data=jpeg("blue"), content_type="image/jpeg").status_code == 201


@ONE_STORE
def test_a_store_that_is_gone_is_told_and_never_made_anew(me: Person, town: Site) -> None:
    file = town.settings.home / "site.gpkg"
    town.store.engine.dispose()
    file.rename(file.with_name("unmounted"))
    for answer in (me.put(f"/findings/{uuid(1)}", json=finding()), me.get("/findings")):
        assert is_refused(answer, 503, "busy"), answer.text
    assert not file.exists()
    file.with_name("unmounted").rename(file)
    assert me.put(f"/findings/{uuid(1)}", json=finding()).status_code == 201


@pytest.mark.postgis
@pytest.mark.parametrize("store_kind", ["postgis"], indirect=True)
def test_a_database_that_dropped_its_connections_is_busy_at_most_once(me: Person, town: Site) -> None:
    assert me.put(f"/findings/{uuid(1)}", json=finding()).status_code == 201
    with town.store.read() as conn:
        ours = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
    plain = make_url(str(town.settings.store_url)).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (ours,))
    first = me.put(f"/findings/{uuid(2)}", json=finding())
    assert first.status_code == 201 or is_refused(first, 503, "busy"), first.text
    assert me.put(f"/findings/{uuid(2)}", json=finding()).status_code in (200, 201)
    assert count(town, schema.finding) == 2
