"""`tidegate topics`: make the topics on Kafka, and say where they are not as they must be."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.adapters.kafka import KafkaConnection, TopicPlan, check_topics, create_topics
from tidegate.bootstrap import kafka_connection
from tidegate.errors import ConfigurationError
from tidegate.settings import KafkaSettings, load_settings

app = typer.Typer(no_args_is_help=True, help="Create and check the topics on Kafka (TIDEGATE_KAFKA__BOOTSTRAP_SERVERS).")

Config = Annotated[Path | None, typer.Option(help="YAML file with settings (also TIDEGATE_CONFIG).")]


@app.command()
def create(config: Config = None) -> None:
    """Create the topics that are missing; those that are there stay as they are. Then check all of them."""
    settings = load_settings(config).kafka
    for name in _run(create_topics, settings):
        typer.echo(f"created {name}")
    _report(settings)


@app.command()
def check(config: Config = None) -> None:
    """Compare every topic with what Tidegate needs; say everything that differs, and exit 1 if anything does."""
    _report(load_settings(config).kafka)


def _report(settings: KafkaSettings) -> None:
    findings = _run(check_topics, settings)
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
