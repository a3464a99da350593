"""The form with which a person starts a run, in a browser."""

import json

import httpx
import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from deployments.local import server
from deployments.setup import DEPLOYMENTS
from flows.speak import speak
from tests import PATIENCE
from tests.deployments.local.test_gate import signed_in


@pytest.fixture(scope="module")
def deployed(prefect_server):
    """The id of a deployment of `speak` that nobody runs, with the parameters of the one that users get."""
    [given] = [one for one in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"] if one["name"] == "speak"]
    name, _, word = server.password().partition(":")
    with httpx.Client(base_url=prefect_server, auth=(name, word), trust_env=False, timeout=PATIENCE) as client:
        flow = client.post("/flows/", json={"name": "speak"}).json()["id"]
        wanted = {
            "name": "form", "flow_id": flow, "parameters": given["parameters"], "enforce_parameter_schema": True,
            "parameter_openapi_schema": parameter_schema(speak).model_dump_for_openapi(),
        }  # fmt: skip
        made = client.post("/deployments/", json=wanted).raise_for_status().json()["id"]
        yield made
        client.delete(f"/deployments/{made}").raise_for_status()


@pytest.fixture
def form(browser, prefect_server, deployed):
    running = server.find()
    context = browser.new_context(viewport={"width": 1000, "height": 3000})
    page = signed_in(context, running)
    page.goto(f"{running.url}/v2/deployments/deployment/{deployed}/run")
    page.get_by_text("The script.").wait_for(timeout=PATIENCE * 1000)
    yield page
    context.close()


def test_a_person_sees_texts_and_choices_and_no_types(form):
    shown = form.locator("form").inner_text()
    assert "Style (Optional)" in shown and "Local Voice (Optional)" in shown
    assert "Max Chars (Optional)" in shown
    assert 'Property is type "None"' not in shown
    assert "Wait" not in shown


def test_what_a_person_sends_is_accepted_with_word_timings_and_nothing_that_was_left_empty(form):
    form.get_by_text("The script.").locator("xpath=following::textarea[1]").fill("Hello there.")
    with form.expect_response("**/create_flow_run", timeout=PATIENCE * 1000) as answered:
        form.get_by_role("button", name="Submit").click()
    answer = answered.value
    assert answer.status == 201, answer.text()
    sent = json.loads(answer.request.post_data)["parameters"]
    assert sent["request"].items() >= {"text": "Hello there.", "return_word_timings": True}.items()
    assert None not in sent.values() and None not in sent["request"].values()
    assert not {"style", "split", "local_voice", "wait"} & set(sent["request"])
