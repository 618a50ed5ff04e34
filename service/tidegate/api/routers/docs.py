"""`/docs`: the API described for people, from `/openapi.json`, without a byte from another host.

Not Swagger UI: FastAPI's page loads it from a CDN, and a site that watches machines is often cut off from the internet.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()


@cache
def _page() -> tuple[str, str]:
    """The page, and the policy that lets it use its own script and style, known by their hashes, and `/openapi.json`."""
    page = files("tidegate.api").joinpath("docs.html").read_text(encoding="utf-8")
    hashes = {tag: _hash(re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)) for tag in ("script", "style")}
    return page, (
        f"default-src 'none'; connect-src 'self'; script-src {hashes['script']}; style-src {hashes['style']}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _hash(sources: list[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() for source in sources]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


@router.get("/docs", include_in_schema=False)
async def get_docs() -> HTMLResponse:
    """Show every path with its parameters, examples as curl commands, and schemas."""
    page, policy = _page()
    return HTMLResponse(page, headers={"content-security-policy": policy})
