"""A WSGI app behind an event loop: who sends or reads slowly holds a socket, and no thread.

A request gets a thread when all of it is here, and for as long as the next piece of its answer takes to make.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import unquote_to_bytes

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# A body up to this is kept in memory: the file of a larger one is written on the loop that all wait for,
# beside a store that waits for the same disk.  Of an answer so much is made at a time
_IN_MEMORY, _PIECE = 1 << 20, 1 << 16
_AGAIN_S = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long nothing may come, or be taken, and how long all of a body may take; seconds."""

    idle_s: float = 30.0
    body_s: float = 900.0


class Unhurried:
    """The ASGI app of a WSGI app.

    Parameters
    ----------
    app : WSGI app
        Refuses bodies of more than `most_bytes` by what they declare, and strangers: of those none is read.
    threads : int
        How many requests are answered at the same time.
    most_bytes : int
        The largest body.
    waiting_bytes : int
        How much of bodies that are not yet whole, or not yet answered, is kept; what comes when there is more
        is told to come again.
    patience : Patience
        What is slower is cut: of a body with a declared length the app gets what came.
    """

    def __init__(
        self,
        app: App,
        *,
        threads: int,
        most_bytes: int,
        waiting_bytes: int = 1 << 30,
        patience: Patience | None = None,
    ) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, "answer")
        self._most, self._room = most_bytes, waiting_bytes
        self._patience = patience or Patience()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
            taken = _Taken()
            try:
                status = await self._take(scope, receive, body, taken)
                if status is None:
                    await self._answer(_Request(_environ(scope, body, taken.declared)), send)
                else:
                    await _refuse(status, send)
            finally:
                self._room += taken.n_bytes

    async def _take(self, scope: Message, receive: Receive, body: IO[bytes], taken: "_Taken") -> int | None:
        """Read a body; return None, or the status to refuse it with."""
        declared = next((int(value) for name, value in scope["headers"] if name == b"content-length"), None)
        taken.declared = declared or 0
        if taken.declared > self._most or _is_stranger(scope):
            return None
        loop = asyncio.get_running_loop()
        ends, more, cut = loop.time() + self._patience.body_s, True, False
        while more and not cut:
            try:
                async with asyncio.timeout(min(self._patience.idle_s, ends - loop.time())):
                    message = await receive()
            except TimeoutError:
                cut = True
                continue
            piece, more = message.get("body", b""), message.get("more_body", False)
            cut = message["type"] != "http.request"
            self._room -= len(piece)
            taken.n_bytes += len(piece)
            if self._room < 0:
                return 503
            body.write(piece)
            more = more and taken.n_bytes <= self._most  # else the app refuses it by its size
        body.seek(0)
        if declared is None:
            taken.declared = taken.n_bytes
            return 408 if cut else None
        # of a body that was cut the app may keep a part, and sees by the length declared that it is one
        return None

    async def _answer(self, request: "_Request", send: Send) -> None:
        loop, context = asyncio.get_running_loop(), copy_context()

        async def made(step: Callable[[], bytes | None]) -> bytes | None:
            # one context for all of an answer, whatever threads make its pieces
            return await loop.run_in_executor(self._threads, context.run, step)

        async def sent(message: Message) -> None:
            async with asyncio.timeout(self._patience.idle_s):
                await send(message)

        try:
            piece = await made(lambda: request.begin(self._app))
            await sent({"type": "http.response.start", "status": request.status, "headers": request.headers})
            while piece is not None:
                following = None if request.ended else await made(request.piece)
                more = following is not None
                await sent({"type": "http.response.body", "body": piece, "more_body": more})
                piece = following
        except TimeoutError:
            pass  # who does not take an answer does not get the rest of it
        finally:
            if request.close is not None:
                await loop.run_in_executor(self._threads, context.run, request.close)


@dataclass(slots=True)
class _Taken:
    """How much of a body was read, and the length that the app is told."""

    n_bytes: int = 0
    declared: int = 0


@dataclass(slots=True)
class _Request:
    """A request with a thread's work on it: its answer, piece by piece."""

    environ: dict[str, Any]
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    ended: bool = False
    close: Callable[[], None] | None = None
    _pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def begin(self, app: App) -> bytes:
        """Ask the app; return the first piece of its answer."""
        answer = app(self.environ, self._start)
        self.close = getattr(answer, "close", None)
        self._pieces = iter(answer)
        return self.piece() or b""

    def piece(self) -> bytes | None:
        """Return the next piece, None after the last."""
        parts, n = [], 0
        for part in self._pieces:
            parts.append(part)
            n += len(part)
            if n >= _PIECE:
                return b"".join(parts)
        self.ended = True
        return b"".join(parts) if parts else None

    def _start(self, status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[..., Any]:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return lambda _: None


def _is_stranger(scope: Message) -> bool:
    """Tell whether somebody brings neither a token nor a session, and can only be refused."""
    return not {b"authorization", b"cookie"} & {name for name, _ in scope["headers"]}


def _environ(scope: Message, body: IO[bytes], length: int) -> dict[str, Any]:
    """Return what PEP 3333 tells an app of a request."""
    path = scope.get("raw_path") or scope["path"].encode()
    client, server = scope.get("client") or ("", 0), scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper()
        if "_" in name or name == "TRANSFER-ENCODING":
            continue  # the first would pass for the one with a dash, which a proxy may have checked
        key, text = f"HTTP_{name.replace('-', '_')}", value.decode("latin-1")
        joined = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{joined}{text}" if key in environ else text
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    if environ.pop("HTTP_CONTENT_LENGTH", None) is not None or length:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


async def _refuse(status: int, send: Send) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    if status == 503:
        headers.append((b"retry-after", str(_AGAIN_S).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
