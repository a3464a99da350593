"""The inputs of the endpoints other than speak and upload; unknown fields are refused by name."""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, ValidationError, field_validator

from speech.errors import InvalidRequest, Problem
from speech.fields import AnyCaseFormat, Fields
from speech.problems import problems_of

__all__ = ["Download", "Execute", "Nothing", "OneJob", "Status"]


class _Input(Fields):
    model_config = ConfigDict(extra="forbid", validate_default=True)

    @classmethod
    def parse(cls, payload: dict[str, Any]) -> Self:
        """Build the input from what a client sent.

        Raises:
            InvalidRequest: lists every problem.
        """
        try:
            return cls.model_validate(payload)
        except ValidationError as fault:
            raise InvalidRequest(problems_of(fault, cls)) from None


class Nothing(_Input):
    """Input of an endpoint without fields."""


class Status(_Input):
    """Input of `status`: a job, or nothing for the health of this container."""

    job_id: str | None = Field(None, description="Id of the job; empty: the health of this container.")


class OneJob(_Input):
    """Input of an endpoint that takes only a job."""

    job_id: str = Field("", description="Id of the job.")

    @field_validator("job_id")
    @classmethod
    def _is_an_id(cls, job: str) -> str:
        return _job_id(job)


class Download(_Input):
    """Input of `download`: a file of a job."""

    job_id: str = Field("", description="Id of the job.")
    type: Literal["audio", "timing"] = Field("audio", description="Which file.")
    format: AnyCaseFormat = Field("srt", description="Format of the subtitles.")

    @classmethod
    def parse(cls, payload: dict[str, Any]) -> Self:
        if not payload.get("job_id"):
            raise InvalidRequest([Problem("job_id", None, "", "job_id is required for download")])
        # Clients of the earlier system also send the format of the audio.
        if (payload.get("type") or "audio") == "audio" and payload.get("format") == "wav":
            payload = {name: value for name, value in payload.items() if name != "format"}
        return super().parse(payload)

    @field_validator("job_id")
    @classmethod
    def _is_an_id(cls, job: str) -> str:
        return _job_id(job)


class Execute(_Input):
    """Input of `execute`: a flow run that the Prefect worker hands over."""

    flow_run_id: UUID = Field(description="Id of the flow run.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels that say where the run comes from.")


def _job_id(job: str) -> str:
    try:
        return str(UUID(job))
    except ValueError:
        raise ValueError("Invalid job_id.") from None
