"""Which topology a body asks for, and which revision it may replace."""

from tidegate.api.errors import PreconditionFailedError, PreconditionRequiredError
from tidegate.api.etags import names, tag_of
from tidegate.contracts.ids import MAX_INTEGER, SiteId
from tidegate.contracts.rest import TopologyBody
from tidegate.contracts.topology import Topology
from tidegate.errors import CommandRefused, InputError


def topology_of(body: TopologyBody, site: SiteId, in_force: Topology | None) -> Topology:
    """`body` as a topology of `site`, at the next revision unless it names one.

    Raises:
        InputError: it is of another site.
    """
    if body.site not in {None, site}:
        raise InputError(f"the body is of site {body.site!r}, the path of site {site!r} - at `$.site`", advice="leave it out")
    following = 1 if in_force is None else min(in_force.revision + 1, MAX_INTEGER)
    revision = following if body.revision is None else body.revision
    return body.at(site, revision)


def replaced_revision(body: TopologyBody, in_force: Topology | None, if_match: str | None) -> int | None:
    """The revision that `body` is to replace and no other, 0 for none at all; None when any lower one will do.

    The worker holds the command against it, so that of two changes to one revision only the first is carried out.

    Raises:
        PreconditionFailedError: another revision is in force than `if_match` names.
        PreconditionRequiredError: neither a revision nor `if_match` says what is to be replaced.
        CommandRefused: the revision does not rise.
    """
    there = "no topology" if in_force is None else f"topology revision {in_force.revision}"
    if if_match is not None and (in_force is None or not names(if_match, tag_of(in_force.revision))):
        raise PreconditionFailedError(f"{there} is in force, not {if_match[:100]}", advice="get the topology again and compare")
    if if_match is None and in_force is not None and body.revision is None:
        raise PreconditionRequiredError(
            f"{there} is in force, and the request does not say that it replaces it",
            advice="send If-Match with the ETag of the topology you have seen, or a revision",
        )
    if in_force is not None and body.revision is not None and body.revision <= in_force.revision:
        raise CommandRefused(f"topology revision {body.revision} does not rise above {in_force.revision}", advice="raise it")
    if if_match is None and body.revision is not None:
        return None
    return 0 if in_force is None else in_force.revision
