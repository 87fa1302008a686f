"""Findings: put one, put many, correct or withdraw one, read one, read those of an area, a time, a street."""

from flask import Response, g
from flask_openapi3.blueprint import APIBlueprint

from field_api import answers, batches, described, versions
from field_api.auth import asker
from field_api.service import now, site, taxonomy
from field_api.versions import LookedAt
from field_api.wire.answers import BatchAnswer, FindingAnswer, FindingCollection
from field_api.wire.features import links
from field_api.wire.findings import Batch, Changes, FindingIn, FindingQuery, named_on_the_wire
from field_api.wire.kinds import ById
from layers.errors import InvalidError
from layers.field import access, edits
from layers.field import findings as records
from layers.field.findings import Outcome
from layers.field.scope import seen_by

findings = APIBlueprint("findings", __name__, **described.noun("findings"))


@findings.put("/findings/<uuid>", responses={201: FindingAnswer, 200: FindingAnswer, **described.WRITE})
def put_finding(path: ById, body: FindingIn) -> Response:
    """Hand in one finding under the id that the device gave it.

    The same again gets 200 and the same answer; the same id with other content 409.
    """
    with named_on_the_wire():
        outcome, found = records.put(site(), asker(), body.report(path.uuid), now=now(), facts=g.facts)
    status = 201 if outcome is Outcome.CREATED else 200
    return answers.json(FindingAnswer.of(found, taxonomy()), status)


@findings.post("/findings", responses={200: BatchAnswer, **described.WRITE})
def post_findings(body: Batch) -> Response:
    """Hand in up to 500 findings; each is taken or refused by itself."""
    return answers.json(batches.take(site(), asker(), body.findings, now()))


@findings.get("/findings/<uuid>", responses={200: FindingAnswer, **described.READ})
def get_finding(path: ById) -> Response:
    """Read one finding with its placement, key points, areas and photos."""
    found = access.finding(site(), asker(), path.id)
    return answers.json(FindingAnswer.of(found, taxonomy()), headers=versions.tag(found.version))


@findings.patch("/findings/<uuid>", responses={200: FindingAnswer, **described.WRITE})
def patch_finding(path: ById, header: LookedAt, body: Changes) -> Response:
    """Correct what was said of a finding: its owner, supervisors and admins.

    `If-Match: "3"` or `version` names the version that was looked at; of an older one the answer is 409.
    Another `street_hint` places the finding anew.
    """
    version = header.version(body.version)
    if version is None:
        raise InvalidError("%(field)s is missing", field="version")
    changes = body.values(taxonomy())
    found = edits.edit(site(), asker(), path.id, changes, version=version, now=now())
    return answers.json(FindingAnswer.of(found, taxonomy()), headers=versions.tag(found.version))


@findings.delete("/findings/<uuid>", responses={200: FindingAnswer, **described.WRITE})
def delete_finding(path: ById, header: LookedAt) -> Response:
    """Withdraw a finding: it counts no more, but stays and can be read; again is answered the same.

    `If-Match: "3"` names the version that was looked at; of an older one the answer is 409.
    """
    version = header.version()
    if version is None and access.finding(site(), asker(), path.id).withdrawn_at is None:
        raise InvalidError("%(field)s is missing", field="If-Match")
    found = edits.withdraw(site(), asker(), path.id, version=version, now=now())
    return answers.json(FindingAnswer.of(found, taxonomy()), headers=versions.tag(found.version))


@findings.get("/findings", responses={200: FindingCollection, **described.LIST})
def list_findings(query: FindingQuery) -> Response:
    """Read the findings that one may see, in the order in which they came, page by page."""
    known = taxonomy()
    wanted = seen_by(asker(), query.filter(known))
    page = records.page(site(), wanted, after=query.after, limit=query.limit)
    found = [FindingAnswer.of(each, known) for each in page.findings]
    return answers.geojson(FindingCollection.of(found, links(page.next)))
