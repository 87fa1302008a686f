"""What an administrator does to an account: name and role, password, sessions, and letting it in again."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from layers import passwords, people
from layers.errors import InvalidError
from map_app.pages import accounts
from map_app.pages.gate import allow, visitor
from map_app.pages.service import now, site

blueprint = Blueprint("personnel", __name__)


@blueprint.post("/accounts/<int:account_id>/person")
def change(account_id: int) -> ResponseReturnValue:
    """Give an account another name or role."""
    allow("accounts")
    name, role = request.form.get("name", "")[: accounts.LONGEST_NAME], request.form.get("role", "")
    if account_id == visitor().id and role != visitor().role:
        raise InvalidError("Nobody changes his own role: ask another administrator", field="role")
    with site().store.write() as conn:
        people.change(conn, account_id, name=name, role=role, by=visitor().id, now=now())
    return redirect(url_for("pages.accounts.one", account_id=account_id), 303)


@blueprint.post("/accounts/<int:account_id>/password")
def reset(account_id: int) -> ResponseReturnValue:
    """Give an account a password that is good once, and show it, this once."""
    allow("accounts")
    password = passwords.one_time()
    kept = passwords.hashed(password)
    with site().store.write() as conn:
        people.give_password(conn, account_id, kept, by=visitor().id, now=now())
    return accounts.page_of(account_id, password=password)


@blueprint.post("/accounts/<int:account_id>/sessions")
def end_sessions(account_id: int) -> ResponseReturnValue:
    """End every session of this account."""
    allow("accounts")
    with site().store.write() as conn:
        people.end_sessions(conn, people.by_id(conn, account_id).id, by=visitor().id, now=now())
    return redirect(url_for("pages.accounts.one", account_id=account_id), 303)


@blueprint.post("/accounts/<int:account_id>/readmit")
def readmit(account_id: int) -> ResponseReturnValue:
    """Let an account in again that was shut out."""
    allow("accounts")
    with site().store.write() as conn:
        people.readmit(conn, account_id, by=visitor().id, now=now())
    return redirect(url_for("pages.accounts.one", account_id=account_id), 303)
