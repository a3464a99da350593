"""The library of stored voices: adding, listing and removing them, and preparing references for engines.

Each `voices/<name>.wav` is accompanied by `voices/<name>.json` with the results of its preparation: the digest
of the recording, the clip that engines clone, and the clip's transcript. A recording that has no such file, or
was replaced, is prepared on first use.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, field_validator

from speech.audio import blocks, duration_ms, write_wav
from speech.errors import AudioError, FetchError, InvalidRequest, NotFound, Problem
from speech.fetch import MOST_BYTES, fetch
from speech.fields import Fields
from speech.media import Plain
from speech.problems import problems_of
from speech.scratch import scratch
from speech.stores import Store, exists
from speech.voices import Reference, Voice, check_stored_name, redact_url
from speech.voices.clip import LONGEST_CLIP, RATE, Clip, make
from speech.voices.seal import unseal
from speech.voices.voice import name_of

__all__ = ["Upload", "add", "listing", "reference", "remove"]


class Upload(Fields):
    """A client's request to store a voice."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    voice_name: str = Field(description="Name of the voice, ending in .wav.", max_length=128)
    voice_file_url: str | None = Field(
        None, validation_alias=AliasChoices("voice_file_url", "url_file"), description="https URL of the recording."
    )
    voice_file: str | None = Field(
        None, validation_alias=AliasChoices("voice_file", "file"), description="The recording in base64."
    )
    reference_text: str | None = Field(None, description="Transcript of the recording.", max_length=20_000)
    text_file_url: str | None = Field(None, description="https URL of the transcript.")
    text_file: str | None = Field(None, description="The transcript in base64.")
    overwrite: bool = Field(False, description="Replace a voice of the same name.")

    @field_validator("voice_name")
    @classmethod
    def _name_is_a_wav(cls, name: str) -> str:
        return check_stored_name(name)

    @classmethod
    def parse(cls, data: dict[str, Any]) -> Upload:
        """Parse an upload from a client's data.

        Raises:
            InvalidRequest: the data is invalid; it holds every problem, with the texts that clients know.
        """
        descriptions = {
            "voice_name": "voice_name is required for upload",
            "voice_file_url": "voice_file_url is required for upload",
        }
        absent = [] if data.get("voice_name") else ["voice_name"]
        if not any(data.get(name) for name in ("voice_file_url", "url_file", "voice_file", "file")):
            absent.append("voice_file_url")
        problems = [Problem(name, None, "a value", descriptions[name]) for name in absent]
        try:
            upload = cls.model_validate({"voice_name": "x.wav"} | {key: data[key] for key in data if data[key] != ""})
        except ValidationError as fault:
            problems += [problem for problem in problems_of(fault, cls) if problem.field not in absent]
        if problems:
            raise InvalidRequest(problems)
        return upload


class _Prepared(BaseModel):
    """The content of `voices/<name>.json`."""

    name: str
    sha256: str = Field(description="SHA-256 of the recording.")
    size: int = Field(description="Size of the recording in bytes.")
    duration: float = Field(description="Length of the recording in seconds.")
    # Whoever can write to the bucket could name any key here, and it is read and deleted.
    clip: str = Field(pattern=r"^voices/clips/[^/\\]+-[0-9a-f]{16}\.wav$", description="Key of the prepared clip.")
    transcript: str = Field(description="Exact transcript of the clip.")
    clip_duration: float
    warnings: list[str] = Field(default_factory=list)


def add(upload: Upload, store: Store) -> dict[str, Any]:
    """Prepare and store a voice; return the contract's reply.

    Raises:
        InvalidRequest: the recording cannot be fetched or used, or the name is taken; nothing is stored.
    """
    key = f"voices/{upload.voice_name}"
    if not upload.overwrite and exists(store, key):
        message = f"voice_name: {upload.voice_name!r} is taken; give another name, or overwrite: true"
        raise InvalidRequest([Problem("voice_name", upload.voice_name, "", message)])
    with scratch() as folder:
        path = Path(folder) / "recording"
        _receive(upload.voice_file_url, upload.voice_file, path, "voice_file", upload.voice_name)
        text = upload.reference_text or _text(upload, Path(folder) / "text", upload.voice_name)
        try:
            clip = make(path, text, store=store, field="reference_text")
            recording = Path(folder) / "voice.wav"
            write_wav(recording, blocks(path, RATE), RATE, RATE)
        except AudioError as fault:
            raise InvalidRequest([Problem("voice_file", None, "a recording", f"voice_file: {fault}")]) from None
        prepared = _store_prepared(upload.voice_name, recording, clip, store, Path(folder))
        store.put(key, recording, "audio/wav")
    return {
        "status": f"Voice '{upload.voice_name}' uploaded successfully",
        "message": f"It is cloned from {clip.seconds:.1f} s that say: {clip.text}",
        "voice": prepared.model_dump(exclude={"clip"}),
    }


def listing(store: Store) -> list[dict[str, Any]]:
    """List the stored voices; each entry has the key `name` and its older alias `voice_file`."""
    entries = {entry.key: entry for entry in store.list("voices/")}
    voices = []
    for key, entry in sorted(entries.items()):
        name = name_of(key)
        if name is None:
            continue
        text = f"{name.removesuffix('.wav')}.txt"
        metadata = _load(name, store) if f"voices/{_stem(name)}.json" in entries else None
        voices.append(
            {
                "name": name,
                "voice_file": name,
                "text_file": text if f"voices/{text}" in entries else None,
                "size": entry.size,
                "last_modified": entry.modified.isoformat(),
                "duration": metadata.duration if metadata else None,
            }
        )
    return voices


def remove(name: str, store: Store) -> None:
    """Remove a voice and its prepared files.

    Raises:
        InvalidRequest: there is no such voice.
    """
    name = check_name_of_file(name)
    if not exists(store, f"voices/{name}"):
        message = f"voice_name: there is no voice {name!r}"
        raise InvalidRequest([Problem("voice_name", name, "", message)])
    metadata = _load(name, store)
    store.delete(f"voices/{name}")
    for key in (f"voices/{_stem(name)}.json", f"voices/{_stem(name)}.txt", metadata.clip if metadata else ""):
        if key:
            store.delete(key)


def reference(
    voice: Voice, ref_text: str | None, store: Store, folder: Path, language: str | None = None
) -> tuple[Reference | None, tuple[str, ...]]:
    """Write the reference of a voice to `folder`; return it, or None for the default voice, and warnings.

    Raises:
        InvalidRequest: the recording cannot be fetched or used.
    """
    if voice.name is None:
        return None, ()
    path, clip_path = folder / "voice", folder / "reference.wav"
    if voice.key is None:
        _receive(unseal(voice.name, store), None, path, "local_voice", redact_url(voice.name))
        return _write_reference(_clip(path, ref_text, language, store), clip_path)
    name = voice.key.removeprefix("voices/")
    metadata = _load(name, store)
    if metadata and ref_text in (None, metadata.transcript) and store.head(voice.key).size == metadata.size:
        with suppress(NotFound):
            store.get(metadata.clip, clip_path)
            if _is_clip(clip_path):
                return Reference(clip_path, metadata.transcript), ()
    store.get(voice.key, path)
    clip = _clip(path, ref_text or _stored_text(name, store), language, store)
    if ref_text is None:
        _store_prepared(name, path, clip, store, folder)
    return _write_reference(clip, clip_path)


def check_name_of_file(name: str) -> str:
    """Return the file name of a stored voice, with `.wav` added if it is missing.

    Raises:
        InvalidRequest: the name is not valid.
    """
    try:
        return check_stored_name(name if name.endswith(".wav") else f"{name}.wav")
    except ValueError as fault:
        raise InvalidRequest([Problem("voice_name", name, "", str(fault))]) from None


def _clip(path: Path, text: str | None, language: str | None, store: Store) -> Clip:
    try:
        return make(path, text, language, store)
    except AudioError as fault:
        raise InvalidRequest([Problem("local_voice", None, "a recording", f"local_voice: {fault}")]) from None


def _write_reference(clip: Clip, path: Path) -> tuple[Reference, tuple[str, ...]]:
    write_wav(path, [clip.samples], RATE, RATE)
    return Reference(path, clip.text), clip.warnings


def _store_prepared(name: str, recording: Path, clip: Clip, store: Store, folder: Path) -> _Prepared:
    """Store the clip and then its description, so that the description never names a missing clip."""
    path = folder / "clip.wav"
    write_wav(path, [clip.samples], RATE, RATE)
    digest = hashlib.sha256(recording.read_bytes()).hexdigest()
    prepared = _Prepared(
        name=name,
        sha256=digest,
        size=recording.stat().st_size,
        duration=round(duration_ms(recording) / 1000, 3),
        clip=f"voices/clips/{_stem(name)}-{digest[:16]}.wav",
        transcript=clip.text,
        clip_duration=round(clip.seconds, 3),
        warnings=list(clip.warnings),
    )
    store.put(prepared.clip, path, "audio/wav")
    store.write(f"voices/{_stem(name)}.json", prepared.model_dump_json(indent=1), "application/json")
    return prepared


def _load(name: str, store: Store) -> _Prepared | None:
    try:
        return _Prepared.model_validate_json(store.read(f"voices/{_stem(name)}.json"))
    except (NotFound, ValidationError):
        return None


def _is_clip(path: Path) -> bool:
    """Whether a file is a clip as this module stores it; any other is foreign, and never reaches a decoder."""
    plain = Plain.find(path)
    return plain is not None and (plain.rate, plain.channels) == (RATE, 1) and plain.frames <= LONGEST_CLIP * RATE


def _stored_text(name: str, store: Store) -> str | None:
    """Return the transcript that clients of the earlier system stored with a voice, or None."""
    try:
        return store.read(f"voices/{_stem(name)}.txt")
    except NotFound:
        return None


def _stem(name: str) -> str:
    return name.removesuffix(".wav")


def _receive(url: str | None, encoded: str | None, path: Path, field: str, name: str) -> None:
    """Write a file that a client sent as a URL or in base64."""
    if url:
        try:
            fetch(url, path)
        except FetchError as fault:
            message = f"Failed to download voice file: {redact_url(name)}: {fault}"
            raise InvalidRequest([Problem(field, None, "an https URL", message)]) from None
        return
    path.write_bytes(_decode(encoded or "", field))


def _decode(encoded: str, field: str) -> bytes:
    if len(encoded) > MOST_BYTES * 4 // 3 + 4:
        raise InvalidRequest([Problem(field, None, "", f"{field}: it is larger than {MOST_BYTES / 1e6:.0f} MB")])
    try:
        return base64.b64decode(encoded.partition("base64,")[2] or encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest([Problem(field, encoded, "base64")]) from None


def _text(upload: Upload, path: Path, name: str) -> str | None:
    if not (upload.text_file_url or upload.text_file):
        return None
    _receive(upload.text_file_url, upload.text_file, path, "text_file", name)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest([Problem("text_file", None, "", "text_file: it is not UTF-8 text")]) from None
