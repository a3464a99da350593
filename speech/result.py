"""The contract with clients: the reply to a finished request."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from speech.choices import AudioFormat, TimingFormat
from speech.outputs import listening

__all__ = ["SpeechResult"]


class SpeechResult(BaseModel):
    """The reply to a finished request, without the keys that do not apply."""

    job_id: str = Field(description="Id of the flow run.")
    status: Literal["completed"] = Field(default="completed", description="Always this; failures are errors.")
    text: str = Field(description="The script as it was sent.")
    seed: int = Field(description="The seed that was used.")
    audio_url: str = Field(description="Presigned URL of the audio file.")
    expires_in: int = Field(default=3600, description="Seconds for which the URLs are valid.")
    duration: float = Field(description="Length of the audio in seconds.")
    sample_rate: int = Field(description="Sample rate of the audio file in hertz.")
    audio_format: AudioFormat | None = Field(default=None, description="Format of the audio file, if it is not wav.")
    timing_files: dict[str, str] | None = Field(default=None, description="Presigned URL of each format.")
    timing_format: TimingFormat | None = Field(default=None, description="The subtitle file that was wanted most.")
    timing_method: str | None = Field(default=None, description="The aligner that was used.")
    word_count: int | None = Field(default=None, description="Number of timed words.")
    timing_confidence: float | None = Field(default=None, ge=0, le=1, description="Mean confidence of the word times.")
    timing_cost_usd: float | None = Field(
        default=None, description="Estimated cost of the timings; only Google is charged for."
    )
    subtitle_problems: list[dict[str, Any]] | None = Field(
        default=None, description="Each violation of a subtitle rule: cue (from 1), rule, value, limit."
    )
    cues_url: str | None = Field(default=None, description="Presigned URL of a ZIP file with one WAV file per cue.")
    preview_url: str | None = Field(
        default=None,
        description="Presigned URL of the preview page; for a recording of more than an hour with that of the audio "
        "behind a #.",
    )
    flow_run_id: str | None = Field(default=None, description="The same as job_id.")
    flow_run_url: str | None = Field(default=None, description="Page of the run in Prefect's UI.")
    warnings: list[str] = Field(default_factory=list, description="Problems that did not make the job fail.")

    warning_kinds: dict[str, int] | None = Field(
        default=None,
        description="Places in warnings, from 0, of those of a kind: demo-voice, declined-whisperx, declined-google.",
    )

    def reply(self) -> dict[str, Any]:
        """Return the reply as JSON-compatible data, without empty fields."""
        fields = self.model_dump(mode="json", exclude_none=True)
        if self.preview_url:
            fields["preview_url"] = listening(self.preview_url, self.audio_url, self.duration)
        return fields
