"""The block of the Google account used for Speech-to-Text."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr, field_validator

from speech.alignment.google import Account, check_account
from speech.errors import SettingsError
from speech.settings import settings

__all__ = ["GoogleSpeech", "aload_account"]


class GoogleSpeech(Block):
    """A service account for Google Speech-to-Text, the second aligner in the chain.

    It needs the permission speech.speech.recognize, which the role Cloud Speech Client includes.

    Example:
        ```python
        from blocks.google import GoogleSpeech

        account = GoogleSpeech.load("BLOCK_NAME").account()
        ```
    """

    _block_type_name = "Google Speech"
    _block_type_slug = "google-speech"
    _logo_url = "https://avatars.githubusercontent.com/u/2810941?s=200"  # type: ignore[assignment]
    _documentation_url = "https://cloud.google.com/speech-to-text/docs/before-you-begin"  # type: ignore[assignment]
    _description = "A service account for Google Speech-to-Text."

    service_account: SecretStr = Field(description="The key file of the service account, as JSON.")
    project: str | None = Field(default=None, description="The project to bill; by default the account's own.")
    endpoint: str | None = Field(default=None, description="Another endpoint, such as eu-speech.googleapis.com.")

    @field_validator("service_account")
    @classmethod
    def _is_a_key(cls, key: SecretStr) -> SecretStr:
        check_account(key)
        return key

    def account(self) -> Account:
        """Return the account in the form that the aligner takes."""
        return Account(self.service_account, self.project, self.endpoint)


async def aload_account(name: str | None = None) -> Account | None:
    """Load the account of the block `google-speech/<name>`.

    Args:
        name: None for the block that GOOGLE_BLOCK names; if that is not set either, the result is None.

    Raises:
        SettingsError: there is no such block.
    """
    block_name = (name or settings().google_block or "").removeprefix("google-speech/")
    if not block_name:
        return None
    try:
        block: GoogleSpeech = await GoogleSpeech.aload(block_name)
    except ValueError:
        raise SettingsError(f"The block google-speech/{block_name} does not exist.") from None
    return block.account()
