"""`tidegate serve`: worker and REST door in one process, or one of them, on the embedded log or on Kafka."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvloop

from tidegate.bootstrap.run import run_service
from tidegate.cli.logging import configure_logging
from tidegate.cli.memory import give_large_blocks_back
from tidegate.settings import Settings, load_traced
from tidegate.settings.sources import Gathered

_log = structlog.get_logger(__name__)

_EXAMPLES = """
Examples:

  tidegate serve

  tidegate serve --port 0 --data-dir /var/lib/tidegate

  TIDEGATE_API__PORT=9000 tidegate serve --config tidegate.yaml

  TIDEGATE_KAFKA__BOOTSTRAP_SERVERS=localhost:9092 tidegate serve --roles worker
"""


def register(app: typer.Typer) -> None:
    """Add `serve` to `app`."""
    app.command(name="serve", epilog=_EXAMPLES)(serve)


def serve(
    config: Annotated[Path | None, typer.Option(help="YAML file with settings (also TIDEGATE_CONFIG).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. Default 8080.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded log. Default ./var.")] = None,
    roles: Annotated[str | None, typer.Option(help="What this process does: worker, api, or worker,api (default).")] = None,
) -> None:
    """Run the service until SIGINT or SIGTERM: scores readings, raises anomalies, decides who serves whom."""
    loaded = load_traced(config, options=_options(host, port, data_dir, roles))
    settings = loaded.settings
    configure_logging(settings.logging)
    give_large_blocks_back()
    uvloop.run(_serve(settings, loaded.gathered))


def _options(host: str | None, port: int | None, data_dir: Path | None, roles: str | None) -> dict[str, Any]:
    api = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    log = {"log": {"path": data_dir / "tidegate.db"}} if data_dir else {}
    return {"api": api} | log | ({"roles": roles} if roles else {})


async def _serve(settings: Settings, gathered: Gathered) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_service(settings, stop, lambda url: _log.info("listening", url=url, **_pages(url, settings)), gathered)
    _log.info("stopped")


def _pages(url: str, settings: Settings) -> dict[str, str]:
    """What of `url` a person may want to open."""
    console = {"console": f"{url}/console/"} if settings.api.console and "api" in settings.roles else {}
    return console | {"docs": f"{url}/docs", "metrics": f"{url}/metrics"}
