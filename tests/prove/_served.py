"""A site behind the real server, in processes of its own, that can be asked, stopped, or killed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

from layers import people, tokens
from layers.city import networks
from layers.site import Site

V1 = "/api/v1"
_STARTS_WITHIN_S = 120
# The south-west corner of the streets, and how far they reach, in degrees
CORNER, SPAN = (117.13, 39.22), 0.008


def make_site(home: Path, store_url: str | None = None, **chosen: Any) -> str:
    """Make a site with a few streets and one inspector; return the token."""
    now = datetime.now(UTC)
    site = Site.create(home, now=now, store_url=store_url, requests_per_minute=10**6, **chosen)
    west, south = CORNER
    steps = [step * SPAN / 4 for step in range(5)]
    lines = [shapely.LineString([(west, south + at), (west + SPAN, south + at)]) for at in steps]
    lines += [shapely.LineString([(west + at, south), (west + at, south + SPAN)]) for at in steps]
    names = {"source_id": [f"w{row}" for row in range(10)], "name": [f"{row}号路" for row in range(10)]}
    networks.add(site, gpd.GeoDataFrame(names, geometry=lines, crs="EPSG:4326"), "grid", None, now=now)
    with site.store.write() as conn:
        account = people.create(conn, "zhang", "张三", "inspector", password=None, now=now)
        token = tokens.issue(conn, account.id, "proof", now=now)
    site.close()
    return token


def free_port() -> int:
    """Return a port of this computer that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start(home: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """Start `xuncha serve` and wait until it answers."""
    command = [sys.executable, "-m", "xuncha", "serve", str(home), "--port", str(port), *options]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_up(process, port)
    except AssertionError as error:
        said = (home / "server.log").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise AssertionError(f"{error}; it said: {said}") from error
    return process


def wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a server answers; one that does not is ended."""
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if ask(port, "GET", "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    stop(process)
    raise AssertionError("the server did not come up")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server as Ctrl-C would."""
    process.terminate()
    process.wait(60)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a server and everything that it has started at once, without a word to any of them."""
    family = _family(process.pid)
    for pid in family:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(60)
    while any(Path(f"/proc/{pid}").exists() and not _is_dead(pid) for pid in family):
        time.sleep(0.01)


def _family(pid: int) -> list[int]:
    """Return a process and its descendants, parents first."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@contextmanager
def serving(home: Path, *options: str) -> Iterator[int]:
    """Give the port of a server that is ended afterwards, and must have lived until then."""
    port = free_port()
    process = start(home, port, *options)
    try:
        yield port
        if process.poll() is not None:
            raise AssertionError("the server died")
    finally:
        stop(process)


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Return status and JSON of one call over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, V1 + path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
