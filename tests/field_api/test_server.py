"""The interface behind the real server, in a process of its own, on loopback."""

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from layers import people, tokens
from layers.city import networks
from layers.field import findings
from layers.field.asking import FindingFilter
from layers.site import Site
from tests.conftest import IN_CI
from tests.field_api.conftest import V1, finding, track, uuid
from tests.field_api.test_documentation import PROSE
from tests.field_api.test_photos import jpeg
from tests.field_api.test_tracks import gpx

# one server for all of them, also where tests run side by side
pytestmark = pytest.mark.xdist_group("api server")
STARTS_WITHIN_S = 120
JSON = "application/json"


@dataclass(frozen=True)
class Server:
    """A running server, its site, and a token."""

    port: int
    home: Path
    token: str

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def headers(self, kind: str | None = None) -> dict[str, str]:
        own = {"Authorization": f"Bearer {self.token}"}
        return {**own, "Content-Type": kind} if kind else own

    def ask(self, method: str, path: str, body: Any = None, kind: str | None = None) -> tuple[int, Any]:
        """Return status and JSON of one call; an iterator as a body is sent in chunks."""
        connection = self.connect()
        connection.request(method, V1 + path, body, self.headers(kind))
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told

    def findings(self) -> list[str]:
        site = Site.open(self.home, now=datetime.now(UTC))
        found = [each.uuid for each in findings.page(site, FindingFilter(), limit=1000).findings]
        site.close()
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", f"{V1}/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    pytest.fail(f"the server did not come up: {process.poll()}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, streets: gpd.GeoDataFrame) -> Iterator[Server]:
    home, now = tmp_path_factory.mktemp("server") / "home", datetime.now(UTC)
    site = Site.create(home, now=now)
    networks.add(site, streets, "town", "by hand", now=now)
    with site.store.write() as conn:
        account = people.create(conn, "zhang", "张三", "inspector", password=None, now=now)
        token = tokens.issue(conn, account.id, "phone", now=now)
    site.close()
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "xuncha", "serve", str(home), "--port", str(port)])
    try:
        wait_until_up(process, port)
        yield Server(port, home, token)
    finally:
        process.terminate()
        assert process.wait(30) is not None


def sent(number: int, **changes: Any) -> tuple[str, bytes]:
    return f"/findings/{uuid(number)}", json.dumps(finding(**changes)).encode()


def test_a_finding_goes_in_once_and_comes_out(server: Server) -> None:
    path, body = sent(1)
    first, again = (server.ask("PUT", path, body, JSON) for _ in range(2))
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1] == server.ask("GET", path)[1]
    assert first[1]["placement"]["street_name"] == "光荣道"


def test_many_calls_go_over_one_connection(server: Server) -> None:
    connection = server.connect()
    for _ in range(3):
        connection.request("GET", f"{V1}/me", headers=server.headers())
        assert json.loads(connection.getresponse().read())["login"] == "zhang"
    connection.close()


def test_parallel_twins_over_the_wire_make_one_record(server: Server) -> None:
    path, body = sent(2)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: server.ask("PUT", path, body, JSON), range(16)))
    assert sorted(status for status, _ in told) == [200] * 15 + [201]
    assert all(answer == told[0][1] for _, answer in told)
    assert server.findings().count(uuid(2)) == 1


def chunks(data: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_bodies_in_chunks_are_taken_whole(server: Server) -> None:
    path, body = sent(3)
    assert server.ask("PUT", path, chunks(body, 50), JSON)[0] == 201
    photo = jpeg(size=(1600, 1200))
    status, receipt = server.ask("PUT", f"{path}/photos", chunks(photo), "image/jpeg")
    assert (status, receipt["sha256"]) == (201, sha256(photo).hexdigest())


def test_a_chunked_body_over_the_limit_is_refused(server: Server) -> None:
    path, _ = sent(4)
    status, told = server.ask("PUT", path, chunks(b"{}" + b" " * 70_000), JSON)
    assert (status, told["error"]["code"]) == (413, "too_large")


def raw(server: Server, head: str, body: bytes = b"") -> bytes:
    """Send bytes as they are and return what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
        wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        return wire.recv(4096)


def test_a_body_declared_too_large_is_refused_without_waiting_for_it(server: Server) -> None:
    path, _ = sent(1)
    head = (
        f"PUT {V1}{path}/photos HTTP/1.1\nHost: x\nAuthorization: Bearer {server.token}\n"
        "Content-Type: image/jpeg\nContent-Length: 9000000000"
    )
    assert raw(server, head).startswith(b"HTTP/1.1 413")


def test_a_stranger_is_refused_without_waiting_for_the_body(server: Server) -> None:
    path, _ = sent(1)
    head = f"PUT {V1}{path} HTTP/1.1\nHost: x\nContent-Type: {JSON}\nContent-Length: 60000"
    assert raw(server, head).startswith(b"HTTP/1.1 401")


def test_a_connection_cut_in_the_middle_leaves_nothing_and_the_photo_can_be_sent_again(
    server: Server,
) -> None:
    path, body = sent(5)
    server.ask("PUT", path, body, JSON)
    photo = jpeg("green", size=(1600, 1200))
    connection = server.connect()
    connection.putrequest("PUT", f"{V1}{path}/photos")
    for name, value in server.headers("image/jpeg").items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(photo)))
    connection.endheaders(photo[: len(photo) // 2])
    connection.close()
    assert server.ask("GET", path)[1]["photos"] == []
    assert server.ask("PUT", f"{path}/photos", photo, "image/jpeg")[0] == 201
    assert len(server.ask("GET", path)[1]["photos"]) == 1


def test_a_photo_in_parts_survives_a_cut_connection(server: Server) -> None:
    path, body = sent(6)
    server.ask("PUT", path, body, JSON)
    photo = jpeg("olive", size=(1600, 1200)) + bytes(90_000)
    sum_ = sha256(photo).hexdigest()
    announced = json.dumps({"sha256": sum_, "n_bytes": len(photo)}).encode()
    assert server.ask("POST", f"{path}/uploads", announced, JSON)[0] == 201
    part = f"{path}/uploads/{sum_}"
    assert server.ask("PATCH", f"{part}?offset=0", photo[:50_000], "application/octet-stream")[0] == 200
    connection = server.connect()
    connection.putrequest("PATCH", f"{V1}{part}?offset=50000")
    for name, value in server.headers("application/octet-stream").items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(photo) - 50_000))
    connection.endheaders(photo[50_000:60_000])
    connection.close()
    status = 409
    while status == 409:  # what came of the cut part counts, and may count a moment later
        _, told = server.ask("POST", f"{path}/uploads", announced, JSON)
        assert 50_000 <= told["offset"] <= 60_000
        rest = chunks(photo[told["offset"] :], 20_000)
        where = f"{part}?offset={told['offset']}"
        status, told = server.ask("PATCH", where, rest, "application/octet-stream")
    assert status == 201, told
    assert told["photo"]["sha256"] == sum_


def commands() -> str:
    """Return what docs/api.md tells to type, as one script."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", PROSE, flags=re.MULTILINE | re.DOTALL))


def test_the_commands_of_the_documentation_do_what_it_says(server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        if IN_CI:
            pytest.fail("no curl")
        pytest.skip("no curl")
    (tmp_path / "photo.jpg").write_bytes(jpeg("blue"))
    (tmp_path / "track.gpx").write_text(gpx(track()["fixes"]), encoding="utf-8")
    script = commands().replace("127.0.0.1:8737", f"127.0.0.1:{server.port}")
    told = r"\1curl --fail-with-body -w '%{stderr}%{http_code}\\n' "
    script = re.sub(r"^(\s*)curl ", told, script, flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"TOKEN": server.token, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.split() == [
        *("200", "201", "200", "201", "200"),
        # a photo in two parts
        *("201", "200", "201"),
        # a track and a check, which is withdrawn, a correction, a withdrawal, a list
        *("201", "201", "200", "200", "200", "200"),
    ]
    assert '"n_created":1' in done.stdout
    assert sha256(jpeg("blue")).hexdigest() in (tmp_path / "receipt.json").read_text(encoding="utf-8")
    assert (tmp_path / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")
    read = json.loads(done.stdout[done.stdout.rindex('{"type":"FeatureCollection"') :])
    # the other one has been withdrawn by then
    assert [each["id"] for each in read["features"]] == ["0b8e4c1e-6d0f-4c57-9f4e-3a1b8d2c7e90"]


def test_the_processes_of_a_server_count_requests_together(server: Server) -> None:
    site = Site.open(server.home, now=datetime.now(UTC))
    with site.store.write() as conn:
        asker = people.by_login(conn, "zhang")
        token = tokens.issue(conn, asker.id, "dashboard", now=datetime.now(UTC), per_minute=6)
    site.close()
    few = Server(server.port, server.home, token)
    if time.time() % 60 > 50:
        # all within one minute
        time.sleep(61 - time.time() % 60)
    assert sorted(few.ask("GET", "/me")[0] for _ in range(24)) == [200] * 6 + [429] * 18
