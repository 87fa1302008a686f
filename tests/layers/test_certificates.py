"""The site's own certificates, as OpenSSL sees them."""

import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from layers import certificates
from layers.certificates import Certificates
from layers.errors import SettingError, UnreadableFileError

NAMES = ("localhost", "127.0.0.1", "xuncha.beichen.example")


def greeted(files: Certificates, name: str) -> bool:
    """Tell whether a client that trusts the root takes a server with these files for `name`."""
    ours, theirs = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.server, files.key)

    def answer() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as there:
                there.recv(1)
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        context = ssl.create_default_context(cafile=str(files.root))
        with context.wrap_socket(ours, server_hostname=name) as here:
            here.send(b"x")
            return True
    except ssl.SSLCertVerificationError:
        return False
    finally:
        ours.close()
        thread.join()


def test_who_trusts_the_root_trusts_the_server_by_each_of_its_names(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, NAMES, now=datetime.now(UTC))
    assert all(greeted(files, name) for name in NAMES)
    assert not greeted(files, "bank.example")


def test_the_keys_are_the_owner_s_alone(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, NAMES, now=datetime.now(UTC))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert set(modes) == {"root.crt", "root.key", "server.crt", "server.key"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_the_server_s_certificate_is_renewed_in_time_and_the_root_stays(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = certificates.ensure(tmp_path, NAMES, now=now)
    root, server = first.root.read_bytes(), first.server.read_bytes()
    assert first.renewed
    assert not certificates.ensure(tmp_path, NAMES[:2], now=now + timedelta(days=300)).renewed
    assert first.server.read_bytes() == server
    later = certificates.ensure(tmp_path, NAMES, now=now + timedelta(days=340))
    assert later.renewed
    assert later.server.read_bytes() != server
    assert later.root.read_bytes() == root


def test_another_address_of_the_machine_gets_a_new_certificate_under_the_same_root(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    root = certificates.ensure(tmp_path, NAMES, now=now).root.read_bytes()
    moved = certificates.ensure(tmp_path, [*NAMES, "192.168.7.9"], now=now)
    assert moved.renewed
    assert moved.root.read_bytes() == root
    assert greeted(moved, "192.168.7.9")


def test_the_root_vouches_for_nobody_else(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    certificates.ensure(tmp_path, NAMES, now=now)
    with pytest.raises(SettingError, match=r"bank\.example"):
        certificates.ensure(tmp_path, [*NAMES, "bank.example"], now=now)
    files = certificates.ensure(tmp_path, NAMES, also=["bank.example", "192.168.7.9"], now=now)
    assert greeted(files, "192.168.7.9")
    assert not greeted(files, "bank.example")


def test_even_what_the_root_s_key_did_sign_for_another_name_is_not_taken(
    tmp_path: Path,
) -> None:
    """Whoever has stolen the key still cannot play a bank: the limit is in the root that phones hold."""
    now = datetime.now(UTC)
    files = certificates.ensure(tmp_path, NAMES, now=now)
    root, key = certificates._read(files.root), certificates._read_key(tmp_path / "tls" / "root.key")
    stolen = certificates._alternatives(["localhost", "bank.example"])
    certificates._issue(files.server, files.key, (root, key), stolen, now)
    assert not greeted(files, "bank.example")
    assert not greeted(files, "localhost")


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    files = certificates.ensure(tmp_path, NAMES, now=datetime.now(UTC))
    files.root.write_text("nonsense", encoding="ascii")
    with pytest.raises(UnreadableFileError, match=r"root\.crt"):
        certificates.ensure(tmp_path, NAMES, now=datetime.now(UTC))


@pytest.mark.parametrize("name", ["a b", "x/y", "", "…"], ids=["space", "slash", "empty", "dots"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="neither a name nor an address"):
        certificates.ensure(tmp_path, [name], now=datetime.now(UTC))


def test_the_machine_knows_what_it_may_be_called() -> None:
    found = certificates.names()
    assert {"localhost", "127.0.0.1", "::1"} <= set(found)
    assert "127.0.0.1" not in certificates.addresses()
