"""One role without the other: what such a process serves, and where it makes no sense."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tidegate.adapters.embedded import EmbeddedLog
from tidegate.api.app import OPERATION, create_app
from tidegate.bootstrap.log import join
from tidegate.errors import ConfigurationError
from tidegate.settings import Settings, load_settings


@pytest.mark.parametrize(("given", "meant"), [("worker", ("worker",)), ("api, worker", ("api", "worker")), ("[api]", ("api",))])
def test_roles_are_listed_with_commas_or_as_yaml(given: str, meant: tuple[str, ...]) -> None:
    assert load_settings(environment={"TIDEGATE_ROLES": given}).roles == meant


@pytest.mark.parametrize("given", ["", "wroker", "worker,"])
def test_a_role_that_does_not_exist_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="TIDEGATE_ROLES"):
        load_settings(environment={"TIDEGATE_ROLES": given})


@pytest.mark.parametrize("role", ["worker", "api"])
async def test_roles_apart_are_refused_on_the_embedded_log(tmp_path: Path, role: str) -> None:
    log = await EmbeddedLog.open(tmp_path / "tidegate.db")
    with pytest.raises(ConfigurationError, match=f"role '{role}' alone .*TIDEGATE_KAFKA__BOOTSTRAP_SERVERS"):
        join(Settings.model_validate({"roles": [role]}), log)
    assert join(Settings(), log).share.partitions == {0}
    await log.close()


async def test_without_the_api_only_health_metrics_and_partitions_are_served(house: Any) -> None:
    app = create_app(house.app.state.door.ports, OPERATION)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://door") as client:
        for path in ("/healthz", "/readyz", "/metrics", "/v1/partitions", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == httpx.codes.OK, path
        assert (await client.post("/v1/readings", json=[])).status_code == httpx.codes.NOT_FOUND
        assert (await client.get("/v1/partitions", params={"digest": True})).json()[0]["digest"] == "0a1b"
        assert (await client.get("/v1/partitions")).json()[0]["digest"] is None
