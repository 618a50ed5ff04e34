"""`/v1/devices/…/scores` and `/v1/score`: how a device scored, and how a posted series would."""

from fastapi import APIRouter, Request, Response

from tidegate.api import examples_detection as examples
from tidegate.api.answers import as_json, example_of
from tidegate.api.bodies import json_body
from tidegate.api.dependencies import Here
from tidegate.api.openapi import body_of
from tidegate.api.params import DevicePath, Paging, SinceFilter, SitePath, UntilFilter
from tidegate.contracts.codec import decode
from tidegate.contracts.paging import Page
from tidegate.contracts.scores import ScorePoint
from tidegate.contracts.series import ScoredSeries, SeriesRequest
from tidegate.core.detection.recorded import point_of

router = APIRouter(tags=["scores"])


@router.get("/v1/devices/{site}/{device}/scores", response_model=Page[ScorePoint], responses=example_of(examples.POINTS))
async def list_scores(
    site: SitePath,
    device: DevicePath,
    page: Paging,
    door: Here,
    since_ms: SinceFilter = None,
    until_ms: UntilFilter = None,
) -> Response:
    """List a device's recorded scores, the newest first, with observed and expected values for a chart.

    Recorded is one score per `detection.score_every_seconds` of event time, and when an anomaly opens or ends.
    """
    samples = await door.ports.views.samples(page, site=site, device=device, since_ms=since_ms, until_ms=until_ms)
    return as_json(Page([point_of(sample) for sample in samples.items], samples.next_cursor, samples.as_of))


@router.post(
    "/v1/score",
    response_model=ScoredSeries,
    responses=example_of(examples.SCORED_SERIES),
    openapi_extra=body_of([SeriesRequest], examples.SERIES_BODIES),
)
async def score_series(request: Request, door: Here) -> Response:
    """Score a series of one device as the worker would, from a fresh state; nothing of the service changes by it.

    Answers each reading's state, score and expected bands, and the anomalies that would have been published. Two series are
    scored at a time; beyond that the answer is 503 with Retry-After.
    """
    async with json_body(request, door) as body:
        asked = decode(body, SeriesRequest)
    return Response(await door.ports.series().score(asked), media_type="application/json")
