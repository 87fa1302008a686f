"""Where a phone that does not trust the server yet gets its root certificate: plain HTTP, nothing else.

Each answer is fetched from the server itself, so that there is one page and one place that makes it; all
other addresses lead to HTTPS.
"""

import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from layers.certificates import Served

PAGE = "/phone"
# What the page is made of; a stranger sees the same over HTTPS
_OPEN = frozenset({PAGE, "/phone/xuncha-root.crt", "/assets/app.css", "/assets/icon.svg"})
_ASKED = ("Host", "Accept-Language", "User-Agent")
_TOLD = (
    "Content-Type",
    "Content-Disposition",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Cache-Control",
)
_PATIENCE_S = 10.0
_AT_ONCE = 32
_LONGEST = 2_000


class Doorstep:
    """A small server beside the one that is served; it ends with the process."""

    def __init__(self, address: str, served: Served, inside: str) -> None:
        known = {"served": served, "inside": inside, "places": threading.BoundedSemaphore(_AT_ONCE)}
        handler = type("Handler", (_Handler,), known)
        self._server = ThreadingHTTPServer((address, served.door), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    served: Served
    inside: str
    places: threading.BoundedSemaphore
    timeout = _PATIENCE_S
    protocol_version = "HTTP/1.0"
    server_version, sys_version = "xuncha", ""

    def handle_one_request(self) -> None:
        """Answer one request, unless too many are being answered."""
        if not self.places.acquire(timeout=_PATIENCE_S):
            return
        try:
            super().handle_one_request()
        finally:
            self.places.release()

    def do_GET(self) -> None:
        """Hand over what is open, and lead the rest to HTTPS."""
        if len(self.path) <= _LONGEST and urlsplit(self.path).path in _OPEN:
            self._hand_over()
        else:
            self._lead()

    do_HEAD = do_GET  # noqa: N815  the library's name

    def _hand_over(self) -> None:
        try:
            status, headers, body = self._fetched()
        except (OSError, HTTPException):
            # it begins, or ends
            self.send_error(503)
            return
        self._answer(status, headers, body)

    def _fetched(self) -> tuple[int, Mapping[str, str], bytes]:
        context = ssl.create_default_context(cafile=str(self.served.root))
        server = HTTPSConnection(self.inside, self.served.port, timeout=_PATIENCE_S, context=context)
        asked = {name: value for name in _ASKED if (value := self.headers.get(name))}
        try:
            server.request("GET", self.path, headers=asked)
            answer = server.getresponse()
            told = {name: value for name in _TOLD if (value := answer.getheader(name))}
            return answer.status, told, answer.read()
        finally:
            server.close()

    def _lead(self) -> None:
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or "localhost"
        shown = f"[{host}]" if ":" in host else host
        if not shown.isprintable() or any(letter in shown for letter in "/\\@ "):
            self.send_error(400)
            return
        path = urlsplit(self.path).path if self.path.startswith("/") else "/"
        self._answer(302, {"Location": f"https://{shown}:{self.served.port}{path}"}, b"")

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Say nothing: the server keeps a log of its own."""
