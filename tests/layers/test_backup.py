"""The restore drill: kept under writes, brought back elsewhere, nothing missing."""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import geopandas as gpd
import pytest
from sqlalchemy import select

from layers import backup, certificates, checking
from layers.city import networks
from layers.errors import ConflictError, NotFoundError, SettingError, UnreadableFileError
from layers.field import findings, photos
from layers.importing.progress import silent
from layers.people import Account
from layers.site import Site
from layers.store import schema
from tests.conftest import add_account, lose_schema, report
from tests.layers.field.test_photos import jpeg


@pytest.fixture
def live(tmp_path: Path, store_url: str | None, streets: gpd.GeoDataFrame, now: datetime) -> Iterator[Site]:
    """Give a site with streets, in a database of its own that can be lost."""
    site = Site.create(tmp_path / "live", now=now, store_url=store_url)
    networks.add(site, streets, "town", "by hand", now=now)
    yield site
    site.close()


@pytest.fixture
def sender(live: Site, now: datetime) -> Account:
    return add_account(live, "zhang", "inspector", now)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "disk" / "kept"


def send(site: Site, sender: Account, number: int, now: datetime) -> None:
    """Send one finding, a photo with every third, as phones do."""
    sent = report(number, 90, 205, now)
    findings.put(site, sender, sent, now=now)
    if number % 3 == 0:
        photos.attach(site, sender, sent.uuid, jpeg((40 + number, 30)), now=now)


def brought_back(live: Site, folder: Path, home: Path, now: datetime) -> Site:
    """Lose the site, database and all, and restore it elsewhere."""
    live.close()
    if live.settings.store_url:
        lose_schema(live.settings.store_url)
    backup.restore(folder, home, progress=silent)
    return Site.open(home, now=now)


def held(site: Site) -> tuple[list[str], list[str]]:
    with site.store.read() as conn:
        uuids = list(conn.execute(select(schema.finding.c.uuid).order_by(schema.finding.c.fid)).scalars())
        shas = list(conn.execute(select(schema.photo.c.sha256).order_by(schema.photo.c.id)).scalars())
    return uuids, shas


def test_a_site_kept_while_phones_send_comes_back_whole(
    live: Site, sender: Account, folder: Path, tmp_path: Path, now: datetime
) -> None:
    stop, ready, sent = Event(), Event(), [0]

    def phones() -> None:
        while not stop.is_set():
            send(live, sender, sent[0] + 1, now)
            sent[0] += 1
            if sent[0] == 7:
                ready.set()

    writer = Thread(target=phones)
    writer.start()
    try:
        assert ready.wait(60)
        backup.back_up(live, folder, now=now, progress=silent)
        acknowledged = sent[0]
        kept = backup.back_up(live, folder, now=now, progress=silent)
    finally:
        stop.set()
        writer.join()
    assert kept.n_photos_new < kept.n_photos
    uuids, shas = held(live)
    again = brought_back(live, folder, tmp_path / "again", now)
    assert checking.soundness(again).is_sound
    kept_uuids, kept_shas = held(again)
    assert len(kept_uuids) >= acknowledged
    assert kept_uuids == uuids[: len(kept_uuids)]
    assert kept_shas == shas[: len(kept_shas)]
    assert len(kept_shas) >= acknowledged // 3
    for sha in kept_shas:
        original = photos.open_original(again, sender, sha).read_bytes()
        assert hashlib.sha256(original).hexdigest() == sha
        assert photos.open_public(again, sha).stat().st_size > 0
    send(again, sender, 9000, now)
    assert checking.soundness(again).is_sound
    assert again.settings.secret_key() == live.settings.secret_key()
    again.close()


def test_photos_that_are_kept_already_are_not_copied_again(
    live: Site, sender: Account, folder: Path, now: datetime
) -> None:
    send(live, sender, 3, now)
    first = backup.back_up(live, folder, now=now, progress=silent)
    send(live, sender, 6, now)
    second = backup.back_up(live, folder, now=now, progress=silent)
    assert (first.n_photos, first.n_photos_new) == (1, 1)
    assert (second.n_photos, second.n_photos_new) == (2, 1)
    assert len(list(folder.glob("site-*"))) == 1


def test_only_the_owner_reads_what_was_kept(live: Site, folder: Path, now: datetime) -> None:
    backup.back_up(live, folder, now=now, progress=silent)
    private = [folder / name for name in ("secret.key", "xuncha.toml")] + list(folder.glob("site-*"))
    assert {path.stat().st_mode & 0o077 for path in private} == {0}
    assert folder.stat().st_mode & 0o077 == 0


def test_a_backup_cut_short_leaves_the_one_before(
    live: Site,
    sender: Account,
    folder: Path,
    tmp_path: Path,
    now: datetime,
) -> None:
    send(live, sender, 3, now)
    backup.back_up(live, folder, now=now, progress=silent)
    send(live, sender, 6, now)

    def unplugged(step: str, done: int, total: int | None) -> None:
        if step == "photos":
            raise OSError("the disk was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        backup.back_up(live, folder, now=now, progress=unplugged)
    again = brought_back(live, folder, tmp_path / "again", now)
    assert checking.soundness(again).is_sound
    assert len(held(again)[0]) == 1
    again.close()


def test_a_first_backup_cut_short_says_so(live: Site, folder: Path, tmp_path: Path, now: datetime) -> None:
    def unplugged(step: str, done: int, total: int | None) -> None:
        raise OSError("the disk was unplugged")

    with pytest.raises(OSError, match="unplugged"):
        backup.back_up(live, folder, now=now, progress=unplugged)
    with pytest.raises(NotFoundError, match="cut short"):
        backup.restore(folder, tmp_path / "again", progress=silent)
    backup.back_up(live, folder, now=now, progress=silent)


def test_nothing_of_somebody_else_is_overwritten(
    live: Site, folder: Path, tmp_path: Path, now: datetime
) -> None:
    other = Site.create(tmp_path / "other", now=now)
    other.close()
    folder.mkdir(parents=True)
    (folder / "letters.txt").write_text("dear mother")
    for place in (folder, other.settings.home, live.settings.home):
        with pytest.raises(ConflictError):
            backup.back_up(live, place, now=now, progress=silent)
    backup.back_up(other, tmp_path / "of other", now=now, progress=silent)
    with pytest.raises(ConflictError):
        backup.back_up(live, tmp_path / "of other", now=now, progress=silent)
    backup.back_up(live, tmp_path / "mine", now=now, progress=silent)
    with pytest.raises(ConflictError):
        backup.restore(tmp_path / "mine", other.settings.home, progress=silent)


def test_a_database_that_is_in_use_is_not_restored_into(
    live: Site, folder: Path, tmp_path: Path, now: datetime
) -> None:
    if live.store.is_geopackage:
        pytest.skip("a GeoPackage lies in the site's own folder")
    backup.back_up(live, folder, now=now, progress=silent)
    with pytest.raises(ConflictError, match="holds a site"):
        backup.restore(folder, tmp_path / "again", progress=silent)
    assert not (tmp_path / "again").exists()


def test_a_damaged_backup_is_refused(live: Site, folder: Path, tmp_path: Path, now: datetime) -> None:
    backup.back_up(live, folder, now=now, progress=silent)
    store = next(folder.glob("site-*"))
    store.write_bytes(store.read_bytes()[:-1] + b"?")
    with pytest.raises(UnreadableFileError, match="backed up"):
        backup.restore(folder, tmp_path / "again", progress=silent)
    (folder / backup.NOTE).write_text("[")
    with pytest.raises(UnreadableFileError):
        backup.restore(folder, tmp_path / "again", progress=silent)
    (folder / backup.NOTE).write_text(json.dumps({"store": "../x", "sha256": ""}))
    with pytest.raises(NotFoundError):
        backup.restore(folder, tmp_path / "again", progress=silent)
    with pytest.raises(NotFoundError):
        backup.restore(tmp_path / "nowhere", tmp_path / "again", progress=silent)
    assert not (tmp_path / "again").exists()


def test_a_damaged_photo_is_told_and_never_takes_the_place_of_a_whole_one(
    live: Site, sender: Account, folder: Path, tmp_path: Path, now: datetime
) -> None:
    send(live, sender, 3, now)
    assert backup.back_up(live, folder, now=now, progress=silent).damaged_photos == ()
    [sha] = held(live)[1]
    original = photos.open_original(live, sender, sha)
    kept = folder / "photos" / original.relative_to(photos.folder(live))
    whole = kept.read_bytes()
    original.write_bytes(whole[:100])
    assert backup.back_up(live, folder, now=now, progress=silent).damaged_photos == (sha,)
    assert kept.read_bytes() == whole
    kept.write_bytes(whole[:200])
    if live.settings.store_url:
        live.close()
        lose_schema(live.settings.store_url)
    assert backup.restore(folder, tmp_path / "again", progress=silent).damaged_photos == (sha,)


def test_without_its_programs_a_database_is_not_kept_and_the_line_says_what_to_install(
    live: Site, folder: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    if live.store.is_geopackage:
        pytest.skip("a GeoPackage needs no further program")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingError, match="postgresql-client"):
        backup.back_up(live, folder, now=now, progress=silent)


def test_phones_trust_the_site_that_was_brought_back(
    live: Site, sender: Account, folder: Path, tmp_path: Path, now: datetime
) -> None:
    root = certificates.ensure(live.settings.home, ["localhost"], now=now).root.read_bytes()
    backup.back_up(live, folder, now=now, progress=silent)
    assert (folder / "tls" / "root.key").stat().st_mode & 0o077 == 0
    back = brought_back(live, folder, tmp_path / "again", now)
    assert certificates.ensure(back.settings.home, ["localhost"], now=now).root.read_bytes() == root
    back.close()
