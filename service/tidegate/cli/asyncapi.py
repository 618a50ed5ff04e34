"""`tidegate schemas asyncapi` and `tidegate schemas topics`: the topics for machines and for people, as files."""

from tidegate.api.asyncapi import asyncapi_text
from tidegate.api.topics_page import topics_page
from tidegate.cli.generated import commands_for

app = commands_for(asyncapi_text, "the AsyncAPI description of the topics", "docs/asyncapi.yaml", "tidegate schemas asyncapi")
page = commands_for(topics_page, "the reference page of the topics", "docs/topics.md", "tidegate schemas topics")
