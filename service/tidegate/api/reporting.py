"""A report on a topology in a body, whatever is wrong with it: fields first, then rules, then doubts."""

from typing import Final

from pydantic import TypeAdapter, ValidationError

from tidegate.api.replacing import topology_of
from tidegate.contracts.codec import decode
from tidegate.contracts.rest import TopologyBody
from tidegate.contracts.topology_report import Finding, FindingSeverity, TopologyReport
from tidegate.core.allocation.model import AllocationView
from tidegate.core.allocation.topology_report import MAX_LISTED, topology_report
from tidegate.errors import InputError, SchemaVersionError

_BODY: Final = TypeAdapter(TopologyBody)


def report_on(body: bytes, now: AllocationView) -> TopologyReport:
    """All that is wrong with the topology in `body`, or doubtful, at a site that stands as `now` says. Takes a second at most.

    A body with fields of the wrong type is judged by those alone: what it means cannot be said.

    Raises:
        InputError: it is no JSON object at all.
        SchemaVersionError: it is of a version that this release does not know.
    """
    try:
        asked = decode(body, TopologyBody)
    except SchemaVersionError:
        raise
    except InputError as error:
        return _report_on_fields(body, now, error)
    in_force = None if now.request is None else now.request.topology
    try:
        topology = topology_of(asked, now.site, in_force)
    except InputError as error:
        found = Finding(FindingSeverity.ERROR, "site-other", "#/site", error.message.partition(" - at ")[0], error.advice)
        return _refused([found], now)
    return topology_report(topology, now)


def _report_on_fields(body: bytes, now: AllocationView, error: InputError) -> TopologyReport:
    """One finding for each wrong field; the first one decoded ends decoding, so they are looked for by another reader."""
    try:
        _BODY.validate_json(body, strict=True)
    except ValidationError as errors:
        found = [
            Finding(FindingSeverity.ERROR, "field-invalid", _pointer(each["loc"]), each["msg"], "see the schema at /openapi.json")
            for each in errors.errors(include_url=False, include_context=False, include_input=False)
        ]
        if found and found[0].pointer != "#":
            return _refused(found, now)
    raise error


def _pointer(location: tuple[int | str, ...]) -> str:
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _refused(found: list[Finding], now: AllocationView) -> TopologyReport:
    in_force = None if now.request is None else now.request.topology_revision
    return TopologyReport(now.site, in_force, None, valid=False, errors=len(found), warnings=0, findings=found[:MAX_LISTED])
