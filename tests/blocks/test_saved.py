"""Blocks made from the environment: what Prefect's API shows of them to whoever asks."""

import json

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws import AwsCredentials, S3Bucket

from blocks.saved import NAME, asave_all, remark
from speech.settings import SECRETS
from tests import marks


@pytest.fixture
async def environment(prefect_server, monkeypatch):
    for name, value in (marks.variables() | {"S3_BUCKET": "speech", "RUNPOD_ENDPOINT_ID": "ep1"}).items():
        monkeypatch.setenv(name, value)
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield monkeypatch
        async with get_client() as client:
            for block in await client.read_block_documents():
                if NAME in (block.name or ""):
                    await client.delete_block_document(block.id)


async def shown(client: PrefectClient) -> str:
    """What anybody gets who reads the blocks."""
    found = await client.read_block_documents(include_secrets=False)
    return json.dumps([block.model_dump(mode="json") for block in found if NAME in (block.name or "")])


async def test_no_secret_of_any_setting_is_shown_by_a_saved_block(environment):
    environment.delenv("AWS_SESSION_TOKEN")
    saved = await asave_all()
    assert {name.partition("/")[0] for name in saved} == {
        "s3-bucket", "google-speech", "runpod-credentials", "runpod-endpoint", "webhook",
    }  # fmt: skip
    async with get_client() as client:
        assert not marks.seen(await shown(client))
    assert (await S3Bucket.aload(NAME)).credentials.aws_secret_access_key.get_secret_value() == marks.marked(
        "AWS_SECRET_ACCESS_KEY"
    )
    assert remark() is None


async def test_a_session_token_is_not_saved_and_one_that_was_is_gone(environment):
    earlier = AwsCredentials(aws_access_key_id="A", aws_session_token=marks.marked("AWS_SESSION_TOKEN"))
    await S3Bucket(bucket_name="speech", credentials=earlier).asave(NAME, overwrite=True)
    async with get_client() as client:
        assert marks.seen(await shown(client)) == {"AWS_SESSION_TOKEN"}
        await asave_all()
        assert not marks.seen(await shown(client))
    block = await S3Bucket.aload(NAME)
    assert block.bucket_name == "speech"
    assert block.credentials.aws_secret_access_key is None
    assert "AWS_SESSION_TOKEN" in remark()


def test_a_setting_that_is_a_secret_is_known_to_be_one():
    assert {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RUNPOD_API_KEY", "NOTIFY_URL"} <= set(SECRETS)
