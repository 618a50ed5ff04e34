"""`/docs`: the API described for people, from `/openapi.json`, without a byte from another host.

Not Swagger UI: FastAPI's page loads it from a CDN, and a site that watches machines is often cut off from the internet.
"""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()

CONTENT_POLICY: Final = "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page's own script and style, and `/openapi.json`; nothing else may be loaded."""


@router.get("/docs", include_in_schema=False)
async def get_docs() -> HTMLResponse:
    """Show every path with its parameters, examples as curl commands, and schemas."""
    page = files("tidegate.api").joinpath("docs.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"content-security-policy": CONTENT_POLICY})
