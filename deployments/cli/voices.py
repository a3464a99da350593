"""f5-flows voices: the voices that can be cloned by name."""

from __future__ import annotations

from pathlib import Path

import click

from deployments.cli.console import open_store, refuse

__all__ = ["voices"]

_STORAGE = click.option("--storage", help="A Prefect storage block. Default: the environment's.")


@click.group()
def voices() -> None:
    """The voices in the store, which requests clone by name.

    Six to ten seconds of clear speech are best. What a recording says is told with --text, else it is
    transcribed; a longer recording is cut at a pause, and its text with it.
    """


@voices.command()
@click.argument("name")
@click.argument("recording", metavar="RECORDING|URL")
@click.option("--text", help="What the recording says.")
@click.option("--overwrite", is_flag=True, help="Replace a voice of the same name.")
@_STORAGE
def add(name: str, recording: str, text: str | None, overwrite: bool, storage: str | None) -> None:
    """Store RECORDING as the voice NAME: an audio file of at most 50 MB, or an https URL.

    \b
    f5-flows voices add narrator me.m4a --text "What I say in it."
    """
    import base64

    from speech.voices.library import MOST_BYTES, Upload
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
                f"RECORDING: {recording} has {size / 1e6:.0f} MB, and at most {MOST_BYTES / 1e6:.0f} are taken; "
                "cut a minute out of it, or store it as MP3."
            )
        fields["voice_file"] = base64.b64encode(Path(recording).read_bytes()).decode()
    else:
        refuse(f"RECORDING: there is no file {recording}.")
    if text:
        fields["reference_text"] = text
    reply = store_voice(Upload.parse(fields), open_store(storage))
    click.echo(f"{reply['status']}. {reply['message']}")
    for warning in reply["voice"]["warnings"]:
        click.echo(f"Note: {warning}")


@voices.command("list")
@_STORAGE
def list_(storage: str | None) -> None:
    """Every stored voice."""
    from speech.voices.library import listing

    for voice in listing(open_store(storage)):
        length = f"{voice['duration']:.1f} s" if voice["duration"] else "not used yet"
        click.echo(f"{voice['name']:<32}{voice['size'] / 1e6:>7.2f} MB  {length}")


@voices.command()
@click.argument("name")
@_STORAGE
def remove(name: str, storage: str | None) -> None:
    """Remove a voice and what was prepared of it."""
    from speech.voices.library import remove as take_away

    take_away(name, open_store(storage))
    click.echo(f"Voice {name!r} removed")
