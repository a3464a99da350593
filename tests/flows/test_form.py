"""The form in Prefect's UI."""

from prefect.utilities.callables import parameter_schema

from flows.speak import speak
from speech.request import FORMATS, SpeechRequest


def test_the_form_shows_every_field_with_its_help_and_bounds():
    schema = parameter_schema(speak).model_dump_for_openapi()
    fields = schema["definitions"]["SpeechRequest"]["properties"]
    assert set(fields) == set(SpeechRequest.model_fields)
    assert all(field.get("description") for field in fields.values())
    assert (fields["speed"]["minimum"], fields["speed"]["maximum"]) == (0.5, 2.0)
    assert fields["timing_format"]["enum"] == list(FORMATS)
    assert all(schema["properties"][name].get("description") for name in ("request", "engine", "storage"))
