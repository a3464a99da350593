"""Every block type of ours is what Prefect expects of one, and tells no secret."""

import pytest
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr

from blocks.google import GoogleSpeech
from blocks.runpod import RunPodCredentials, RunPodEndpoint


class TestBlocks(BlockStandardTestSuite):
    @pytest.fixture(params=[GoogleSpeech, RunPodCredentials, RunPodEndpoint], ids=lambda block: block.__name__)
    def block(self, request):
        return request.param

    # It fetches the logo from the web.
    test_has_a_valid_image = None


def test_a_logo_is_an_address():
    for block in (GoogleSpeech, RunPodCredentials, RunPodEndpoint):
        assert str(block._logo_url).startswith("https://")


def test_no_key_is_shown():
    credentials = RunPodCredentials(api_key=SecretStr("rpa_secret"))
    endpoint = RunPodEndpoint(endpoint_id="e", credentials=credentials)
    for shown in (repr(credentials), str(endpoint), endpoint.model_dump_json()):
        assert "rpa_secret" not in shown
