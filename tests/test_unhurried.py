"""Slow clients hold no thread; an app behind the loop sees what it would see without it."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from flask import Flask, Response, request, stream_with_context

from layers.terminal.unhurried import Message, Patience, Unhurried

MOST = 100_000
KNOWN = (b"cookie", b"a=b")
WHO: ContextVar[str] = ContextVar("who")


@pytest.fixture
def app() -> Flask:
    made = Flask(__name__)

    @made.post("/length")
    def length() -> Response:
        if (request.content_length or 0) > MOST:
            return Response(status=413)
        return Response(f"{len(request.get_data())} of {request.content_length}")

    @made.post("/cut")
    def cut() -> Response:
        return Response(request.environ["wsgi.input"].read())

    @made.get("/said")
    def said() -> dict[str, str]:
        told = {name: value for name, value in request.headers if name.startswith("X-")}
        return {"path": request.path, "query": request.args["q"], "cookie": request.cookies["c"], **told}

    @made.get("/path/<name>")
    def path(name: str) -> Response:
        return Response(name)

    return made


def scope(method: str, path: str, *headers: tuple[bytes, bytes], query: bytes = b"") -> Message:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "http_version": "1.1",
        "scheme": "http",
        "headers": list(headers),
        "client": ("10.0.0.7", 4711),
        "server": ("127.0.0.1", 80),
    }


def pieces(*bodies: bytes, then: Callable[[], Any] | None = None) -> Callable[[], Any]:
    """Return what tells a body piece by piece; after the last of them `then` decides, unless it is whole."""
    left = list(bodies)

    async def receive() -> Message:
        if left:
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left or then)}
        assert then is not None
        told: Message = await then()
        return told

    return receive


async def gone() -> Message:
    return {"type": "http.disconnect"}


async def never() -> Message:
    await asyncio.sleep(60)
    raise AssertionError


class Told:
    """What the client was sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.messages[1:])


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(asyncio.run, work).result()


def ask(app: Unhurried, of: Message, receive: Callable[[], Any] | None = None) -> Told:
    told = Told()
    finished(app(of, receive or pieces(b""), told))
    return told


def unhurried(app: Any, **options: Any) -> Unhurried:
    return Unhurried(app, **{"threads": 2, "most_bytes": MOST, **options})


def test_an_app_is_told_of_a_request_what_it_would_be_told_otherwise(app: Flask) -> None:
    headers = (
        (b"x-one", b"1"),
        (b"x-one", b"2"),
        (b"x_two", b"forged"),
        (b"cookie", b"a=b"),
        (b"cookie", b"c=d"),
    )
    told = ask(unhurried(app), scope("GET", "/said", *headers, query=b"q=%E8%A1%97"))
    assert told.status == 200
    assert json.loads(told.body) == {"path": "/said", "query": "街", "cookie": "d", "X-One": "1,2"}
    assert ask(unhurried(app), scope("GET", "/path/%E8%A1%97%20a")).body.decode() == "街 a"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "in chunks"])
def test_a_body_is_whole_when_the_app_sees_it(app: Flask, declared: bool) -> None:
    length = (b"content-length", b"60000") if declared else (b"transfer-encoding", b"chunked")
    told = ask(unhurried(app), scope("POST", "/length", KNOWN, length), pieces(*[bytes(20_000)] * 3))
    assert (told.status, told.body) == (200, b"60000 of 60000")


def test_of_what_is_too_large_nothing_is_read_or_no_more_than_shows_it(app: Flask) -> None:
    declared = scope("POST", "/length", KNOWN, (b"content-length", b"100001"))
    assert ask(unhurried(app), declared, pieces(then=never)).status == 413
    endless = pieces(*[bytes(40_000)] * 99)
    assert ask(unhurried(app), scope("POST", "/length", KNOWN), endless).status == 413
    left = finished(endless())["body"]
    assert len(left) == 40_000


def test_a_stranger_is_answered_before_his_body_is_here(app: Flask) -> None:
    told = ask(unhurried(app), scope("POST", "/cut", (b"content-length", b"9")), pieces(then=never))
    assert (told.status, told.body) == (200, b"")


@pytest.mark.parametrize("then", [gone, never], ids=["cut", "stalled"])
def test_of_a_body_that_is_cut_the_app_gets_the_part_that_came(app: Flask, then: Callable[[], Any]) -> None:
    soon = unhurried(app, patience=Patience(idle_s=0.1))
    declared = scope("POST", "/cut", KNOWN, (b"content-length", b"9"))
    assert ask(soon, declared, pieces(b"abc", then=then)).body == b"abc"
    assert ask(soon, scope("POST", "/cut", KNOWN), pieces(b"abc", then=then)).status == 408


def test_a_body_that_trickles_has_its_time_too(app: Flask) -> None:
    async def trickle() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"a", "more_body": True}

    begun = time.monotonic()
    told = ask(unhurried(app, patience=Patience(idle_s=1, body_s=0.5)), scope("POST", "/cut", KNOWN), trickle)
    assert (told.status, time.monotonic() - begun < 5) == (408, True)


def test_when_too_much_waits_the_next_is_told_to_come_again_and_room_is_given_back(app: Flask) -> None:
    narrow = unhurried(app, waiting_bytes=50_000)
    large = scope("POST", "/length", KNOWN)
    told = ask(narrow, large, pieces(bytes(40_000), bytes(40_000)))
    assert told.status == 503
    assert (b"retry-after", b"5") in told.messages[0]["headers"]
    assert ask(narrow, large, pieces(bytes(40_000))).status == 200


def test_those_who_send_or_read_slowly_hold_no_thread(app: Flask) -> None:
    @app.get("/long")
    def long() -> Response:
        return Response(iter([bytes(70_000)] * 3))

    one_thread = unhurried(app, threads=1, patience=Patience(idle_s=1.5))

    async def slowly(_: Message) -> None:
        await asyncio.sleep(60)

    async def together() -> float:
        senders = [
            asyncio.create_task(one_thread(scope("POST", "/cut", KNOWN), pieces(b"a", then=never), Told()))
            for _ in range(20)
        ]
        readers = [
            asyncio.create_task(one_thread(scope("GET", "/long"), pieces(b""), slowly)) for _ in range(20)
        ]
        await asyncio.sleep(0.3)
        begun, told = time.monotonic(), Told()
        await one_thread(scope("GET", "/path/a"), pieces(b""), told)
        took = time.monotonic() - begun
        assert told.body == b"a"
        await asyncio.gather(*senders, *readers)
        return took

    assert finished(together()) < 1.0


def test_a_long_answer_is_made_in_one_context_piece_by_piece_and_closed_when_nobody_takes_it(
    app: Flask,
) -> None:
    closed = threading.Event()
    made: list[str] = []

    def rows() -> Iterator[bytes]:
        try:
            for _ in range(50):
                made.append(WHO.get() + request.path)
                yield bytes(70_000)
        finally:
            closed.set()

    @app.get("/rows")
    def every() -> Response:
        WHO.set("somebody")
        return Response(stream_with_context(rows()))

    told = ask(unhurried(app), scope("GET", "/rows"))
    assert (len(told.body), told.messages[-1]["more_body"]) == (50 * 70_000, False)
    assert made == ["somebody/rows"] * 50
    closed.clear()
    made.clear()

    async def stops(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    finished(unhurried(app, patience=Patience(idle_s=0.1))(scope("GET", "/rows"), pieces(b""), stops))
    assert closed.is_set()
    assert len(made) < 50


def test_what_an_app_does_not_survive_is_an_error_to_the_server() -> None:
    def broken(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(unhurried(broken), scope("GET", "/"))
