"""Photos over HTTP: receipts by hash, limits before reading, clean copies for those who may see them."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from layers.site import Site
from layers.store.schema import photo as photo_table
from tests.field_api.conftest import Person, finding, uuid


def jpeg(colour: str = "red", size: tuple[int, int] = (640, 480)) -> bytes:
    """Return a photo that says where and when it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "SecretPhone"
    exif[0x0132] = "2026:08:23 14:59:00"
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.fixture
def here(me: Person) -> str:
    """Put a finding; its photos go to the address that is given."""
    me.put(f"/findings/{uuid(1)}", json=finding())
    return f"/findings/{uuid(1)}/photos"


def n_photos(site: Site) -> int:
    with site.store.read() as conn:
        return conn.execute(select(func.count()).select_from(photo_table)).scalar_one()


def test_a_photo_as_the_body_gets_a_receipt_with_its_hash(me: Person, here: str) -> None:
    data = jpeg()
    answer = me.post(here + "?role=before", data=data, content_type="image/jpeg")
    assert answer.status_code == 201
    assert answer.json["sha256"] == hashlib.sha256(data).hexdigest()
    assert answer.json["n_bytes"] == len(data)
    assert (answer.json["width_px"], answer.json["height_px"], answer.json["role"]) == (640, 480, "before")
    assert me.get(f"/findings/{uuid(1)}").json["photos"] == [answer.json]


def test_the_same_photo_again_gets_200_and_the_same_receipt_however_it_is_sent(
    me: Person, here: str, town: Site
) -> None:
    data = jpeg()
    first = me.put(here, data=data, content_type="image/jpeg")
    ways = [
        me.post(here, data=data, content_type="application/octet-stream"),
        me.put(here, data={"photo": (BytesIO(data), "../../现场照片.jpg")}),
        me.post(here, data={"photo": (BytesIO(data), "x", "text/plain")}),
    ]
    assert first.status_code == 201
    for again in ways:
        assert (again.status_code, again.json) == (200, first.json)
    assert n_photos(town) == 1


def test_parallel_twins_of_a_photo_make_one(app: Flask, me: Person, here: str, town: Site) -> None:
    data = jpeg()

    def send(_: int) -> int:
        client = Person(app.test_client(), me.token)
        return client.put(here, data=data, content_type="image/jpeg").status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(send, range(8)))
    assert statuses == [200] * 7 + [201]
    assert n_photos(town) == 1


def test_photos_that_are_not_photos_are_refused(me: Person, here: str, town: Site) -> None:
    fakes = [b"", b"GIF89a" + bytes(40), b"<script>alert(1)</script>", b"%PDF-1.7", jpeg()[:400], bytes(1000)]
    for data in fakes:
        answer = me.put(here, data=data, content_type="image/jpeg")
        assert answer.status_code == 422, data[:10]
        assert answer.json["error"]["code"] in ("unreadable", "invalid")
    assert n_photos(town) == 0


def test_a_form_without_the_photo_is_told_which_part_is_missing(me: Person, here: str) -> None:
    answer = me.post(here, data={"picture": (BytesIO(jpeg()), "a.jpg")})
    assert (answer.status_code, answer.json["error"]["field"]) == (422, "photo")


class Endless:
    """A body that would never end; it counts how much of it was read."""

    def __init__(self) -> None:
        self.n_read = 0

    def read(self, size: int = -1) -> bytes:
        self.n_read += max(size, 0)
        return b"x" * max(size, 0)

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)

    def __iter__(self) -> Iterator[bytes]:
        yield self.read(1024)


def test_a_body_declared_too_large_is_refused_before_a_byte_is_read(
    me: Person, here: str, town: Site
) -> None:
    body = Endless()
    answer = me.put(
        here,
        content_type="image/jpeg",
        environ_overrides={
            "wsgi.input": body,
            "CONTENT_LENGTH": str(town.settings.max_upload_bytes + 1),
        },
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert body.n_read == 0


def test_a_body_without_a_declared_length_is_read_to_the_limit_and_refused(
    me: Person, here: str, town: Site
) -> None:
    body = Endless()
    answer = me.put(
        here,
        content_type="image/jpeg",
        environ_overrides={
            "wsgi.input": body,
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        },
    )
    assert answer.status_code == 413
    assert town.settings.max_upload_bytes < body.n_read < 1.01 * town.settings.max_upload_bytes


def test_a_photo_with_too_many_pixels_is_refused_before_it_is_decoded(me: Person, here: str) -> None:
    file = BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    answer = me.put(here, data=file.getvalue(), content_type="image/png")
    assert answer.status_code == 413


@pytest.mark.parametrize(("query", "field"), [("role=selfie", "role"), ("rôle=before", "rôle")])
def test_a_wrong_role_is_named(me: Person, here: str, query: str, field: str) -> None:
    answer = me.put(f"{here}?{query}", data=jpeg(), content_type="image/jpeg")
    assert (answer.status_code, answer.json["error"]["field"]) == (422, field)


def test_a_photo_of_nothing_is_not_found(me: Person) -> None:
    answer = me.put(f"/findings/{uuid(9)}/photos", data=jpeg(), content_type="image/jpeg")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("named", ["image/jpg", "image/heic", "application/octet-stream", None])
def test_what_a_photo_is_its_bytes_say(me: Person, here: str, named: str | None) -> None:
    answer = me.put(here, data=jpeg(), content_type=named)
    assert (answer.status_code, answer.json["media_type"]) == (201, "image/jpeg")
    assert me.put(here, data=b"no photo at all", content_type=named).json["error"]["code"] == "unreadable"


def test_the_same_photo_in_another_role_is_a_conflict(me: Person, here: str) -> None:
    first = me.post(here + "?role=before", data=jpeg(), content_type="image/jpeg")
    again = me.post(here + "?role=before", data=jpeg(), content_type="image/jpeg")
    assert (first.status_code, again.status_code) == (201, 200)
    other = me.post(here + "?role=after", data=jpeg(), content_type="image/jpeg")
    assert (other.status_code, other.json["error"]["field"]) == (409, "role")
    assert "before" in other.json["error"]["message"]
    [kept] = me.get(f"/findings/{uuid(1)}").json["photos"]
    assert kept["role"] == "before"


def test_a_colleagues_finding_is_told_from_none_by_nothing(other: Person, here: str) -> None:
    answer = other.put(here, data=jpeg(), content_type="image/jpeg")
    none = other.put(f"/findings/{uuid(9)}/photos", data=jpeg(), content_type="image/jpeg")
    assert answer.status_code == none.status_code == 404
    assert answer.text.replace(uuid(1), "") == none.text.replace(uuid(9), "")


def test_a_colleague_cannot_add_to_my_finding_and_a_supervisor_can(
    other: Person, boss: Person, here: str
) -> None:
    assert other.put(here, data=jpeg(), content_type="image/jpeg").status_code == 404
    assert boss.put(here, data=jpeg(), content_type="image/jpeg").status_code == 201


def test_the_clean_copy_has_no_metadata_and_the_thumbnail_is_small(me: Person, here: str) -> None:
    sha256 = me.put(here, data=jpeg(size=(1600, 1200)), content_type="image/jpeg").json["sha256"]
    full, small = me.get(f"/photos/{sha256}"), me.get(f"/photos/{sha256}?size=thumbnail")
    assert full.mimetype == small.mimetype == "image/jpeg"
    assert b"SecretPhone" not in full.data
    assert not Image.open(BytesIO(full.data)).getexif()
    assert max(Image.open(BytesIO(small.data)).size) <= 320
    assert "private" in full.headers["Cache-Control"]
    assert full.headers["X-Content-Type-Options"] == "nosniff"


def test_a_copy_that_the_client_has_is_not_sent_again(me: Person, here: str) -> None:
    sha256 = me.put(here, data=jpeg(), content_type="image/jpeg").json["sha256"]
    tag = me.get(f"/photos/{sha256}").headers["ETag"]
    assert me.get(f"/photos/{sha256}", headers={"If-None-Match": tag}).status_code == 304


def test_who_may_see_the_finding_may_see_its_photo(
    me: Person, other: Person, boss: Person, stranger: Person, here: str
) -> None:
    sha256 = me.put(here, data=jpeg(), content_type="image/jpeg").json["sha256"]
    statuses = [each.get(f"/photos/{sha256}").status_code for each in (me, boss, other, stranger)]
    assert statuses == [200, 200, 404, 401]


def test_a_photo_that_is_not_there_and_a_hash_that_is_none(me: Person) -> None:
    assert me.get(f"/photos/{'0' * 64}").status_code == 404
    for wrong in ("abc", "G" * 64, "..%2f..%2fsecret.key"):
        assert me.get(f"/photos/{wrong}").status_code in (404, 422)
