"""`tidegate topics`: make the topics on Kafka, and say where they are not as they must be."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tidegate.adapters.kafka import KafkaConnection, TopicPlan, check_topics, create_topics
from tidegate.bootstrap.log import kafka_connection
from tidegate.cli.asking import Json
from tidegate.contracts.codec import encode
from tidegate.errors import ConfigurationError
from tidegate.settings import KafkaSettings, load_settings

app = typer.Typer(no_args_is_help=True, help="Create and check the topics on Kafka (TIDEGATE_KAFKA__BOOTSTRAP_SERVERS).")

Config = Annotated[Path | None, typer.Option(help="YAML file with settings (also TIDEGATE_CONFIG).")]


_EXITS: Final = """
Exit codes: 0 all topics are as they must be, 1 some are not, 2 no Kafka is set, or settings cannot be used, 3 Kafka cannot be
reached.
"""


@app.command(epilog="Example: `TIDEGATE_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 tidegate topics create`\n" + _EXITS)
def create(config: Config = None, as_json: Json = False) -> None:
    """Create the topics that are missing; those that are there stay as they are. Then check all of them."""
    settings = load_settings(config).kafka
    created = _run(create_topics, settings)
    if not as_json:
        for name in created:
            typer.echo(f"created {name}")
    _report(settings, as_json, created)


@app.command(epilog="Example: `tidegate topics check --config tidegate.yaml --json`\n" + _EXITS)
def check(config: Config = None, as_json: Json = False) -> None:
    """Compare every topic with what Tidegate needs; say everything that differs, and exit 1 if anything does."""
    _report(load_settings(config).kafka, as_json, [])


def _report(settings: KafkaSettings, as_json: bool, created: list[str]) -> None:
    findings = _run(check_topics, settings)
    if as_json:
        typer.echo(encode({"created": created, "partitions": settings.partitions, "findings": findings}))
        raise typer.Exit(1 if findings else 0)
    for finding in findings:
        typer.secho(f"✗ {finding}", err=True, fg=typer.colors.RED)
    if findings:
        raise typer.Exit(1)
    typer.secho(f"✓ all topics are there, with {settings.partitions} partitions each", fg=typer.colors.GREEN)


def _run(work: Callable[[KafkaConnection, TopicPlan], Coroutine[Any, Any, list[str]]], settings: KafkaSettings) -> list[str]:
    if not settings.bootstrap_servers:
        raise ConfigurationError("no Kafka is set", advice="set TIDEGATE_KAFKA__BOOTSTRAP_SERVERS=host:port")
    plan = TopicPlan(settings.partitions, settings.replication_factor, settings.min_insync_replicas, settings.retention_days)
    return asyncio.run(work(kafka_connection(settings), plan))
