"""The Google account from a block: used first, and never shown."""

import json

import pytest
from pydantic import ValidationError

from blocks.google import GoogleSpeech, aload_account
from speech.alignment.google import Account, Google, connect
from speech.audio import record
from speech.engines.espeak import say
from speech.errors import AlignerUnavailable, SettingsError
from speech.text import chunks
from tests.fakes.google_speech import GoogleSpeech as Server

SECRET = "-----BEGIN PRIVATE KEY----- s3cr3t"
KEY = {
    "type": "service_account", "project_id": "p", "private_key": SECRET, "client_email": "a@p.iam",
    "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip


async def test_a_block_is_saved_and_found_by_name(prefect_server, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_server}):
        await GoogleSpeech(service_account=json.dumps(KEY), project="billed").save("speech", overwrite=True)
        account = await aload_account("google-speech/speech")
        assert account.project == "billed"
        assert account.key.get_secret_value() == json.dumps(KEY)
        assert SECRET not in repr(account)
        with pytest.raises(SettingsError, match="google-speech/nobody does not exist"):
            await aload_account("nobody")
    assert await aload_account(None) is None


@pytest.mark.parametrize("key", ["", "/path/to/key.json", "{}", "[]", json.dumps(KEY | {"private_key": ""})])
def test_what_is_no_key_is_refused_without_showing_it(key):
    with pytest.raises(ValidationError) as caught:
        GoogleSpeech(service_account=key)
    assert SECRET not in str(caught.value)


def test_the_block_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("GOOGLE_CREDENTIALS_JSON", json.dumps(KEY))
    from pydantic import SecretStr

    with pytest.raises(AlignerUnavailable, match="The block does not hold") as caught:
        connect(Account(SecretStr(json.dumps(KEY | {"private_key": "broken"}))))
    assert "broken" not in str(caught.value)


def test_each_piece_is_counted_by_the_second_that_it_began(tmp_path):
    text = "He opened the window and listened to the sea."
    utterance = say(text, "en")
    server = Server([("window", 0.5, 0.9)])
    aligner = Google(Account(endpoint=server.url))
    recording = record(utterance.samples, utterance.rate, (), tmp_path / "a.wav", 24000)
    aligner.align(recording, chunks(text, "en"), "en")
    server.stop()
    seconds = -(-len(utterance.samples) // utterance.rate)
    assert aligner.cost_usd == pytest.approx(seconds / 60 * 0.024)
