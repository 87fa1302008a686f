"""What was done to an account, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from layers import history, people
from layers.language import gettext
from map_app.pages import speech

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the history as people read it; `by` is empty for the server itself."""

    at: datetime
    what: str
    by: str


def of_account(conn: Connection, account_id: int) -> list[Deed]:
    """Return what was done to an account last, the newest first."""
    names = {one.id: one.name for one in (*people.all_accounts(conn), *people.shut_out(conn))}
    lines = history.of(conn, "account", str(account_id))[::-1][:_SHOWN]
    return [Deed(line["at"], _said(line), names.get(line["account_id"], "")) for line in lines]


def _said(line: dict[str, Any]) -> str:
    action, details = line["action"], line["details"] or {}
    words = {
        "create": gettext("made"),
        "limit": gettext("limits changed"),
        "change": gettext("changed"),
        "set_password": gettext("chose a new password"),
        "reset_password": gettext("given a one-time password"),
        "end_sessions": gettext("sessions ended"),
        "sign_in": gettext("came in"),
        "sign_out": gettext("logged out"),
        "throttle": gettext("too many wrong passwords: held off"),
        "disable": gettext("shut out"),
        "readmit": gettext("let in again"),
        "erase": gettext("forgotten"),
    }
    said: str = words.get(action, action)
    before, after = details.get("before"), details.get("after")
    if action == "change" and before and after:
        pairs = [(before[key], after[key], key) for key in ("name", "role") if before[key] != after[key]]
        comma = gettext(", ")
        said += " " + comma.join(f"{_shown(old, key)} → {_shown(new, key)}" for old, new, key in pairs)
    elif action == "change" and "team" in details:
        said += f" {gettext('Team')} → {details['team'] or gettext('none')}"
    return said


def _shown(value: str, key: str) -> str:
    return speech.role_name(value) if key == "role" else value
