"""What the store costs at the least: a bare Flask view with one durable insert, behind the same server."""

import os
import sqlite3
import threading

from flask import Flask, Response, request


def app() -> Flask:
    """Return an app that writes each body into a table of its own, on disk before it answers."""
    bare, place, turn, own = Flask("bare"), os.environ["BARE_FILE"], threading.Lock(), threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(own, "connection"):
            own.connection = sqlite3.connect(place, isolation_level=None)
            own.connection.execute("PRAGMA journal_mode = WAL")
            own.connection.execute("PRAGMA synchronous = FULL")
        found: sqlite3.Connection = own.connection
        return found

    sqlite3.connect(place).execute("CREATE TABLE IF NOT EXISTS sent (uuid TEXT PRIMARY KEY, body BLOB)")

    @bare.get("/api/v1/health")
    def health() -> Response:
        return Response("{}", content_type="application/json")

    @bare.put("/api/v1/findings/<uuid>")
    def put(uuid: str) -> Response:
        with turn:
            connection().execute("INSERT INTO sent VALUES (?, ?)", (uuid, request.get_data()))
        return Response("{}", 201, content_type="application/json")

    return bare
