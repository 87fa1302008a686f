"""Who asks, and how the server is, as they are answered."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from field_api.wire.kinds import Outgoing


class Limits(Outgoing):
    """How much is taken at once."""

    batch_findings: int
    page_entries: int
    upload_bytes: int
    photo_pixels: int
    requests_per_minute: int


class Me(Outgoing):
    """The account behind the token."""

    login: str
    name: str
    role: Literal["inspector", "desk", "supervisor", "unit", "viewer", "admin"]
    language: str | None
    time_zone: str = Field(description="In which people of this site read and give dates")
    server_time: datetime = Field(description="For a phone to notice that its own clock is wrong")
    limits: Limits


class Health(Outgoing):
    """The server answers, and its store does."""

    status: Literal["ok"] = "ok"
    server_time: datetime
