"""Photos in parts: what has come stays, the rest follows, and only the whole is a photo."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from layers.field import photo_parts
from layers.site import Site
from layers.store.schema import photo, photo_upload
from tests.field_api.conftest import Person, finding, uuid

BYTES = "application/octet-stream"
HERE = f"/findings/{uuid(1)}/uploads"
PART = 100_000


def large(seed: int = 1) -> bytes:
    """Return a photo of noise: some 600 kB."""
    noise = bytes((i * i * seed + i // 7) % 251 for i in range(1024)) * 480
    file = BytesIO()
    Image.frombytes("L", (800, 600), noise[:480_000]).save(file, "PNG", compress_level=0)
    return file.getvalue()


PHOTO = large()
SUM = hashlib.sha256(PHOTO).hexdigest()


def announce(who: Person, data: bytes = PHOTO, **other: object) -> TestResponse:
    given = {"sha256": hashlib.sha256(data).hexdigest(), "n_bytes": len(data), **other}
    return who.post(HERE, json=given)


def send(who: Person, offset: int, part: bytes, sha256: str = SUM) -> TestResponse:
    return who.ask("PATCH", f"{HERE}/{sha256}?offset={offset}", data=part, content_type=BYTES)


def parts(data: bytes = PHOTO, size: int = PART) -> Iterator[tuple[int, bytes]]:
    yield from ((at, data[at : at + size]) for at in range(0, len(data), size))


def count(site: Site, table: object) -> int:
    with site.store.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def files(site: Site) -> list[str]:
    folder = photo_parts.folder(site)
    return os.listdir(folder) if folder.exists() else []


@pytest.fixture(autouse=True)
def _found(me: Person) -> None:
    me.put(f"/findings/{uuid(1)}", json=finding())


def test_a_photo_in_parts_is_attached_with_the_last_one(me: Person, town: Site) -> None:
    begun = announce(me, role="wide")
    assert begun.status_code == 201
    assert (begun.json["offset"], begun.json["photo"], begun.json["part_bytes"]) == (0, None, 262_144)
    told = [send(me, at, part) for at, part in parts()]
    assert [one.status_code for one in told] == [200] * (len(told) - 1) + [201]
    assert [one.json["offset"] for one in told] == [at + len(part) for at, part in parts()]
    receipt = told[-1].json["photo"]
    assert (receipt["sha256"], receipt["n_bytes"], receipt["role"]) == (SUM, len(PHOTO), "wide")
    assert me.get(f"/findings/{uuid(1)}").json["photos"] == [receipt]
    assert (count(town, photo_upload), files(town)) == (0, [])
    # the same once more: nothing to send
    again = announce(me, role="wide")
    assert (again.status_code, again.json["photo"], again.json["offset"]) == (200, receipt, len(PHOTO))
    assert send(me, 0, PHOTO[:PART]).json["photo"] == receipt


def test_how_far_a_photo_is_can_be_asked_and_goes_on_from_there(me: Person, town: Site, app: Flask) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    told = me.ask("HEAD", f"{HERE}/{SUM}")
    assert (told.status_code, told.data) == (200, b"")
    assert (told.headers["Upload-Offset"], told.headers["Upload-Length"]) == (str(PART), str(len(PHOTO)))
    assert announce(me).json["offset"] == PART
    # the server was killed amid a part: what it wrote of it counts, the rest is sent
    (name,) = files(town)
    with (photo_parts.folder(town) / name).open("ab") as file:
        file.write(PHOTO[PART : PART + 777])
    assert me.get(f"{HERE}/{SUM}").json["offset"] == PART + 777
    assert send(me, PART + 777, PHOTO[PART + 777 :]).status_code == 201


def test_a_part_that_begins_elsewhere_writes_nothing_and_is_told_where_to_go_on(me: Person) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    for offset in (0, PART - 1, PART + 1, 2 * PART):
        refused = send(me, offset, PHOTO[offset : offset + 10])
        assert (refused.status_code, refused.headers["Upload-Offset"]) == (409, str(PART))
        assert refused.json["error"]["code"] == "conflict"
    assert me.get(f"{HERE}/{SUM}").json["offset"] == PART


def test_twins_of_a_part_write_it_once(me: Person, app: Flask, town: Site) -> None:
    announce(me)

    def one(_: int) -> int:
        return send(Person(app.test_client(), me.token), 0, PHOTO[:PART]).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(8))) == [200] * 8
    assert me.get(f"{HERE}/{SUM}").json["offset"] == PART

    def last(_: int) -> int:
        return send(Person(app.test_client(), me.token), PART, PHOTO[PART:]).status_code

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(last, range(8)))
    assert told.count(201) == 1
    assert set(told) <= {200, 201}
    assert count(town, photo) == 1


def test_what_is_whole_but_was_not_attached_is_attached_by_an_empty_part(me: Person, town: Site) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    (name,) = files(town)
    (photo_parts.folder(town) / name).write_bytes(PHOTO)
    assert me.get(f"{HERE}/{SUM}").json["offset"] == len(PHOTO)
    assert send(me, len(PHOTO), b"").status_code == 201


def test_another_photo_than_announced_is_thrown_away_whole(me: Person, town: Site) -> None:
    announce(me)
    refused = send(me, 0, PHOTO[:-1] + b"x")
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "sha256")
    assert (count(town, photo), count(town, photo_upload), files(town)) == (0, 0, [])
    assert send(me, 0, PHOTO[:PART]).status_code == 404


def test_limits_hold_before_anything_is_stored(me: Person, town: Site) -> None:
    most = town.settings.max_upload_bytes
    assert me.post(HERE, json={"sha256": SUM, "n_bytes": most + 1}).status_code == 413
    for wrong in ({"n_bytes": 0}, {"n_bytes": -1}, {"n_bytes": 1.5}, {"sha256": "x"}, {"role": "selfie"}):
        assert me.post(HERE, json={"sha256": SUM, "n_bytes": 9, **wrong}).status_code == 422, wrong
    assert count(town, photo_upload) == 0
    announce(me)
    assert send(me, 0, PHOTO + b"x").json["error"]["field"] == "n_bytes"
    assert send(me, 0, b"<script>alert(1)</script>").json["error"]["code"] == "unreadable"
    assert send(me, 0, bytes(9_000_000)).status_code == 413
    assert files(town) == []
    assert announce(me, n_bytes=len(PHOTO) + 1).status_code == 409


def test_a_photo_that_is_under_way_or_whole_is_not_announced_in_another_role(me: Person) -> None:
    assert announce(me, role="before").status_code == 201
    assert announce(me, role="before").status_code == 200
    for part in (b"", PHOTO):
        if part:
            assert send(me, 0, part).status_code == 201
        other = announce(me, role="after")
        assert (other.status_code, other.json["error"]["field"]) == (409, "role")


def test_nobody_fills_the_disk_with_photos_that_never_end(me: Person, town: Site) -> None:
    for i in range(photo_parts.MOST_OPEN):
        assert me.post(HERE, json={"sha256": f"{i:064x}", "n_bytes": 9}).status_code == 201
    refused = announce(me)
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "too_many_requests")
    assert refused.headers["Retry-After"]
    assert me.ask("DELETE", f"{HERE}/{0:064x}").status_code == 204
    assert announce(me).status_code == 201


def test_a_colleague_cannot_send_and_a_supervisor_sends_a_file_of_his_own(
    me: Person, other: Person, boss: Person, stranger: Person, town: Site
) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    assert [one.post(HERE, json={"sha256": SUM, "n_bytes": 9}).status_code for one in (other, stranger)] == [
        404,
        401,
    ]
    assert [send(one, PART, b"x").status_code for one in (other, boss, stranger)] == [404, 404, 401]
    assert announce(boss).json["offset"] == 0
    assert send(boss, 0, b"RIFF1234WEBPdifferent").status_code == 200
    assert send(me, PART, PHOTO[PART:]).status_code == 201
    assert announce(boss).json["photo"]["sha256"] == SUM


def test_what_nobody_finishes_is_thrown_away_after_a_week(me: Person, town: Site, now: object) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    with town.store.read() as conn:
        began = conn.execute(select(photo_upload.c.created_at)).scalar_one()
    assert photo_parts.forget_old(town, now=began + timedelta(days=6)) == 0
    assert photo_parts.forget_old(town, now=began + timedelta(days=8)) == 1
    assert (count(town, photo_upload), files(town)) == (0, [])
    assert announce(me).status_code == 201


def test_a_photo_given_up_leaves_nothing_and_one_that_is_whole_stays(me: Person, town: Site) -> None:
    announce(me)
    send(me, 0, PHOTO[:PART])
    for _ in range(2):
        assert me.ask("DELETE", f"{HERE}/{SUM}").status_code == 204
    assert (count(town, photo_upload), files(town)) == (0, [])
    announce(me)
    send(me, 0, PHOTO)
    assert me.ask("DELETE", f"{HERE}/{SUM}").status_code == 204
    assert count(town, photo) == 1
