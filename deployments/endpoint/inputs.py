"""What the endpoints other than speak and upload take; unknown fields are refused by name."""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from speech.errors import InvalidRequest, Problem
from speech.request import AnyCaseFormat, problems_of

__all__ = ["Download", "Execute", "Nothing", "OneJob", "Status"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Self:
        """Make it of what a client sent.

        Raises:
            InvalidRequest: with every problem.
        """
        try:
            return cls.model_validate(given)
        except ValidationError as fault:
            raise InvalidRequest(problems_of(fault, cls)) from None


class Nothing(_Input):
    """Nothing is asked."""


class Status(_Input):
    """How a job stands, or how the container is."""

    job_id: str | None = Field(None, description="Of the job; empty: the health of this container.")


class OneJob(_Input):
    """A job."""

    job_id: str = Field("", description="Of the job.")

    @field_validator("job_id")
    @classmethod
    def _is_an_id(cls, job: str) -> str:
        return _checked(job)


class Download(_Input):
    """A file of a job."""

    job_id: str = Field("", description="Of the job.")
    type: Literal["audio", "timing"] = Field("audio", description="Which file.")
    format: AnyCaseFormat = Field("srt", description="Of the subtitles.")

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Self:
        if not given.get("job_id"):
            raise InvalidRequest([Problem("job_id", None, "", "job_id is required for download")])
        # Clients of the earlier system name the format of the audio too.
        if given.get("type", "audio") == "audio" and given.get("format") == "wav":
            given = {name: value for name, value in given.items() if name != "format"}
        return super().parse(given)

    @field_validator("job_id")
    @classmethod
    def _is_an_id(cls, job: str) -> str:
        return _checked(job)


class Execute(_Input):
    """A flow run that the Prefect worker hands over."""

    flow_run_id: UUID = Field(description="Of the flow run.")
    labels: dict[str, str] = Field(default_factory=dict, description="Where it comes from.")


def _checked(job: str) -> str:
    try:
        return str(UUID(job))
    except ValueError:
        raise ValueError("Invalid job_id.") from None
