"""The deployment file, and what Prefect does by itself."""

import asyncio
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module

import pytest
import yaml
from prefect import Flow
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Failed, Running
from pydantic import SecretStr

from blocks.saved import FAILURES
from deployments.setup import AUTOMATIONS, DEPLOYMENTS, apply_automations
from flows import FLOWS
from flows.speak import speak
from tests import PATIENCE
from tests.fakes.web import serve

FILE = yaml.safe_load(DEPLOYMENTS.read_text())


@pytest.mark.parametrize("deployment", FILE["deployments"], ids=lambda deployment: deployment["name"])
def test_every_entry_point_is_a_flow_that_the_image_knows(deployment):
    module, _, name = deployment["entrypoint"].rpartition(".")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow)
    assert flow.name == deployment["name"]
    assert FLOWS[flow.name] == deployment["entrypoint"]
    assert set(deployment.get("parameters", ())) <= set(flow.parameters.properties)
    assert deployment["description"].endswith(".")
    assert deployment["tags"]


def test_no_deployment_holds_a_credential():
    text = DEPLOYMENTS.read_text()
    assert "prefect.blocks" not in text
    assert "job_variables" not in text


def test_both_pools_are_served_by_the_same_definitions():
    assert {deployment["work_pool"]["name"] for deployment in FILE["deployments"]} == {"{{ $F5_FLOWS_POOL }}"}


def test_schedules_are_those_that_were_promised():
    crons = {one["name"]: one["schedules"][0]["cron"] for one in FILE["deployments"] if "schedules" in one}
    often = dict.fromkeys(("narrate-inbox", "narrate-books"), "*/5 * * * *")
    assert crons == often | {"sync-models": "0 3 * * *", "prune-outputs": "30 3 * * *"}


@pytest.fixture
async def client(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        async with get_client() as client:
            yield client


def definition(name):
    [found] = [one for one in yaml.safe_load(AUTOMATIONS.read_text()) if one["name"] == name]
    return found


async def test_a_run_that_shows_no_life_is_marked_as_crashed(client):
    zombies = definition("f5-flows zombie runs")
    # As short as Prefect allows.
    zombies["trigger"]["within"] = 10
    assert await apply_automations(client, [zombies]) == ["f5-flows zombie runs"]
    run = await client.create_flow_run(speak, parameters={"request": {"text": "Hi"}}, state=Running())
    emit_event("prefect.flow-run.heartbeat", {"prefect.resource.id": f"prefect.flow-run.{run.id}"})
    await asyncio.to_thread(EventsWorker.instance().wait_until_empty)
    while (seen := await client.read_flow_run(run.id)).state_name != "Crashed":
        await asyncio.sleep(0.5)
    assert "no heartbeat" in seen.state.message
    [automation] = await client.read_automations_by_name("f5-flows zombie runs")
    await client.delete_automation(automation.id)


async def test_a_webhook_is_told_of_a_run_that_failed(client):
    told = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Hook)
    serve(server)
    failures = definition("f5-flows failures")
    assert await apply_automations(client, [definition("f5-flows failures")]) == []
    await Webhook(url=SecretStr(f"http://127.0.0.1:{server.server_port}/hook")).save(FAILURES, overwrite=True)
    assert await apply_automations(client, [failures]) == ["f5-flows failures"]
    run = await client.create_flow_run(speak, parameters={"request": {"text": "Hi"}}, state=Running())
    await asyncio.sleep(1)
    await client.set_flow_run_state(run.id, Failed(message='It said "no".'))
    async with asyncio.timeout(PATIENCE):
        while not (mine := [text for text in told if str(run.id) in text]):
            await asyncio.sleep(0.1)
    server.shutdown()
    assert "ended as Failed: It said 'no'." in mine[0]
    [automation] = await client.read_automations_by_name("f5-flows failures")
    await client.delete_automation(automation.id)
