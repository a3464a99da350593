"""The form in Prefect's UI, as the schema that the UI is given."""

import jsonschema
import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import validate

from deployments.setup import DEPLOYMENTS
from flows import load
from flows.speak import speak
from speech.request import FORMATS, SpeechRequest

DEFAULTS = {one["name"]: one.get("parameters", {}) for one in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]}


@pytest.fixture(scope="module")
def schema():
    return parameter_schema(speak).model_dump_for_openapi()


@pytest.fixture(scope="module")
def fields(schema):
    return schema["definitions"]["SpeechRequest"]["properties"]


def test_the_form_shows_every_field_with_its_help_and_bounds(schema, fields):
    assert set(fields) == set(SpeechRequest.model_fields) - {"wait"}
    assert all(field.get("description") and field.get("title") for field in fields.values())
    assert (fields["speed"]["minimum"], fields["speed"]["maximum"]) == (0.5, 2.0)
    assert fields["seed"]["minimum"] == 1
    assert fields["timing_format"]["enum"] == list(FORMATS)
    assert all(schema["properties"][name].get("description") for name in ("request", "engine", "storage"))


def test_the_script_and_its_voice_come_first_and_the_others_in_the_order_of_the_request(fields):
    shown = sorted(fields, key=lambda name: fields[name]["position"])
    assert shown[:3] == ["text", "local_voice", "ref_text"]
    assert shown[3:] == [name for name in SpeechRequest.model_fields if name in shown[3:]]


def test_what_may_be_left_empty_is_a_choice_or_a_text_like_any_other(schema, fields):
    assert fields["style"]["enum"] == ["classic", "box", "yellow", "bold", "paper", "top"]
    assert fields["split"]["enum"] == ["cues"]
    assert fields["local_voice"]["type"] == "string"
    assert schema["properties"]["engine"]["enum"] == ["auto", "f5-tts", "espeak"]
    assert schema["properties"]["storage"]["type"] == "string"
    assert schema["required"] == ["request"]
    assert schema["definitions"]["SpeechRequest"]["required"] == ["text"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_no_form_offers_or_sends_nothing_as_a_value(name):
    """The UI shows a union as a choice of types, and sends the defaults that it finds."""
    schema = parameter_schema(load(name)).model_dump_for_openapi()
    nodes = [schema]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            assert node.get("type") != "null"
            assert "default" not in node or node["default"] is not None
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    assert None not in DEFAULTS[name].values()


def test_the_form_begins_with_word_timings_and_the_request_without(fields):
    assert DEFAULTS["speak"] == {"request": {"return_word_timings": True}}
    assert SpeechRequest(text="Hi").return_word_timings is False


@pytest.mark.parametrize(
    "request_",
    [{"text": "Hi", "wait": False}, {"text": "Hi", "language": None, "seed": None, "cues": None}, {"text": "Hi"}],
)
def test_the_server_takes_what_clients_of_prefect_send(schema, request_):
    assert not validate({"request": request_, "storage": None}, schema)


def test_the_server_still_refuses_an_unknown_field(schema):
    assert "spead" in validate({"request": {"text": "Hi", "spead": 1}}, schema)[0].message
    jsonschema.Draft202012Validator.check_schema(schema)
