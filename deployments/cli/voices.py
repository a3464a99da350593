"""f5-flows voices: the voices that can be cloned by name."""

from __future__ import annotations

from pathlib import Path

import click

from deployments.cli.console import open_store, refuse, storage_option
from deployments.cli.terminal import echo

__all__ = ["check_voice", "voices"]

_HOW_TO_ADD = 'To add one: f5-flows voices add NAME RECORDING --text "What is said in it."'
_MOST_NAMES = 10


def check_voice(name: str | None, storage: str | None, option: str = "--voice") -> None:
    """Refuse an unknown voice before any work is done, and list the stored ones, the nearest first."""
    from difflib import SequenceMatcher

    from speech.errors import InvalidRequest
    from speech.voices import find, names

    if name is None or "://" in name:
        return
    store = open_store(storage)
    try:
        find(name, store)
    except InvalidRequest:
        known_names = [each.removesuffix(".wav") for each in names(store)]
        known_names.sort(key=lambda one: SequenceMatcher(None, one.lower(), name.lower()).ratio(), reverse=True)
        there = f"there are: {', '.join(known_names[:_MOST_NAMES])}{', ...' if len(known_names) > _MOST_NAMES else ''}"
        refuse(f"{option}: there is no voice {name!r}; {there if known_names else f'there is none yet. {_HOW_TO_ADD}'}")


@click.group()
def voices() -> None:
    """Manage the stored voices, which requests clone by name.

    Six to ten seconds of clear speech are best. Give the recording's transcript with --text, else it is
    transcribed; a longer recording is cut at a pause, and its transcript with it.
    """


@voices.command()
@click.argument("name")
@click.argument("recording", metavar="RECORDING|URL")
@click.option("--text", help="Transcript of the recording.")
@click.option("--overwrite", is_flag=True, help="Replace a voice of the same name.")
@storage_option
def add(name: str, recording: str, text: str | None, overwrite: bool, storage: str | None) -> None:
    """Store RECORDING as the voice NAME: an audio file of at most 50 MB, or an https URL.

    \b
    f5-flows voices add narrator me.m4a --text "What I say in it."
    """
    import base64

    from speech.fetch import MOST_BYTES
    from speech.voices.library import Upload
    from speech.voices.library import add as store_voice

    fields: dict[str, object] = {"voice_name": name if name.endswith(".wav") else f"{name}.wav", "overwrite": overwrite}
    if "://" in recording:
        fields["voice_file_url"] = recording
    elif Path(recording).is_file():
        size = Path(recording).stat().st_size
        if not size:
            refuse(f"RECORDING: {recording} is empty.")
        if size > MOST_BYTES:
            refuse(
                f"RECORDING: {recording} has {size / 1e6:.0f} MB, and at most {MOST_BYTES / 1e6:.0f} are accepted; "
                "use an excerpt of a minute, or convert it to MP3."
            )
        fields["voice_file"] = base64.b64encode(Path(recording).read_bytes()).decode()
    else:
        refuse(f"RECORDING: there is no file {recording}.")
    if text:
        fields["reference_text"] = text
    reply = store_voice(Upload.parse(fields), open_store(storage))
    echo(f"{reply['status']}. {reply['message']}")
    for warning in reply["voice"]["warnings"]:
        echo(f"Note: {warning}")


@voices.command("list")
@storage_option
def list_(storage: str | None) -> None:
    """List the stored voices."""
    from speech.voices.library import listing

    entries = listing(open_store(storage))
    if not entries:
        echo(f"There is no voice yet. {_HOW_TO_ADD}")
    for voice in entries:
        length = f"{voice['duration']:.1f} s" if voice["duration"] else "not used yet"
        echo(f"{voice['name']:<32}{voice['size'] / 1e6:>7.2f} MB  {length}")


@voices.command()
@click.argument("name")
@storage_option
def remove(name: str, storage: str | None) -> None:
    """Remove a voice and everything that was prepared from it."""
    from speech.voices.library import remove as take_away

    take_away(name, open_store(storage))
    echo(f"Voice {name!r} removed")
