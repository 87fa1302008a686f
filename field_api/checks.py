"""Checked, nothing found: put one, read one, withdraw one."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, described
from field_api.auth import asker
from field_api.service import now, site
from field_api.wire.checks import CheckAnswer, CheckIn, WithdrawalIn
from field_api.wire.findings import named_on_the_wire
from field_api.wire.kinds import ById
from layers.field import access, check_withdrawals
from layers.field import checks as records
from layers.field.findings import Outcome

checks = APIBlueprint("checks", __name__, **described.noun("checks"))


@checks.put("/checks/<uuid>", responses={201: CheckAnswer, 200: CheckAnswer, **described.WRITE})
def put_check(path: ById, body: CheckIn) -> Response:
    """Say that somebody looked and nothing was amiss: it counts as an inspection.

    The same again gets 200 and the same answer; the same id with other content 409.
    """
    with named_on_the_wire():
        outcome = records.put(site(), asker(), body.check(path.uuid), now=now())
    status = 201 if outcome is Outcome.CREATED else 200
    return answers.json(CheckAnswer.of(records.get(site(), path.id)), status)


@checks.get("/checks/<uuid>", responses={200: CheckAnswer, **described.READ})
def get_check(path: ById) -> Response:
    """Read one check."""
    return answers.json(CheckAnswer.of(access.check(site(), asker(), path.id)))


@checks.put("/checks/<uuid>/withdrawal", responses={200: CheckAnswer, **described.WRITE})
def put_withdrawal(path: ById, body: WithdrawalIn) -> Response:
    """Withdraw a check: it counts no more, but stays and can be read; again is answered the same.

    Who made it, and desks and supervisors of its area. Who looks again says so with a new check.
    """
    found = check_withdrawals.withdraw(site(), asker(), path.id, reason=body.reason, now=now())
    return answers.json(CheckAnswer.of(found))
