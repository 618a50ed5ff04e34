"""Entity tags: which version of something a client has seen (RFC 9110, 8.8.3 and 13.1)."""

import re
from typing import Annotated

from fastapi import Header

_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*(?:,|$)')

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=4096, description="ETag of what is to be replaced.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=4096, description="ETag of what you have already.")]


def tag_of(version: str | int) -> str:
    """The strong entity tag of `version`, which holds no quotation mark."""
    return f'"{version}"'


def names(header: str, tag: str) -> bool:
    """Whether `header`, a list of tags or `*`, names `tag`. What is no list of tags names nothing."""
    return header.strip() == "*" or tag.strip('"') in _TAG.findall(header)
