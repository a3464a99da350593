"""The command line. Thin: each command is one call; nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import (
    BAD_INPUT,
    FAILED,
    bar,
    blame,
    fail,
    open_store,
    read_script,
    temporary_files,
    use_server,
    writable,
    writing,
)
from deployments.cli.deploy import blocks, deploy
from deployments.cli.models import models
from deployments.cli.runpod import endpoint, execute, healthcheck, worker
from deployments.cli.runtime import runtime
from deployments.cli.subtitles import align, burn, presentation, presented
from deployments.cli.voices import voices

if TYPE_CHECKING:
    from speech.request import SpeechRequest

__all__ = ["run"]


def run() -> None:
    """Do what the command line says; a fault is one sentence and an exit code."""
    from speech.errors import InvalidRequest, SpeechError

    try:
        cli(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(BAD_INPUT)
    except InvalidRequest as fault:
        fail([str(problem) for problem in fault.problems], BAD_INPUT)
    except SpeechError as fault:
        fail([str(fault)], FAILED)
    except OSError as fault:
        fail([blame(fault)], FAILED)


# The commands that need room for files while they work.
_WITH_FILES = ("speak", "align", "burn", "voices")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="f5-flows")
@click.pass_context
def cli(context: click.Context) -> None:
    """Text to speech in a cloned voice, with subtitles timed to the word.

    \b
    Speak a sentence:        f5-flows speak "Hello there."
    Time a recording:        f5-flows align talk.mp3 --text talk.txt
    Caption a video:         f5-flows burn talk.mp4 --text talk.txt
    See what is missing:     f5-flows doctor
    Start runs from a UI:    f5-flows deploy && f5-flows worker --pool local
    """
    if context.invoked_subcommand in _WITH_FILES:
        context.with_resource(temporary_files())


@cli.command()
@click.argument("text", required=False)
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the script from a UTF-8 file.")
@click.option("--voice", help="Name of a stored voice, or an https URL. Default: the packaged voice.")
@click.option("--ref-text", help="What the voice's recording says. Default: as it is stored, else transcribed.")
@click.option("--engine", type=click.Choice(["auto", "f5-tts", "espeak"]), help="Default: ENGINE, else auto.")
@click.option("--speed", help="Pace, 0.5 to 2.0.  [default: 1.0]")
@click.option("--quality", help="standard, or fast: a quarter of F5-TTS's steps.  [default: standard]")
@click.option("--seed", help="The same seed gives the same speech. Default: random, and told.")
@click.option("--language", help="ISO 639-1, such as en. Default: detected.")
@click.option("--timing-method", help="whisperx or google, tried first; the others follow.  [default: whisperx]")
@click.option("--audio-format", help="wav, mp3, flac, ogg (Opus), m4a (AAC).  [default: wav]")
@click.option("--sample-rate", help="Hertz: 16000, 22050, 24000, 44100, 48000.  [default: 22050]")
@click.option("--storage", help="A Prefect storage block, such as s3-bucket/prod. Default: the environment's.")
@click.option("--google", help="A Prefect block google-speech/NAME. Default: the environment's account.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files.  [default: ./output/<job id>]")
@click.option("--no-timings", is_flag=True, help="Only the audio.")
@click.option("--json", "as_json", is_flag=True, help="Print the reply as JSON and nothing else.")
@presentation()
def speak(
    text: str | None,
    file: Path | None,
    voice: str | None,
    engine: str | None,
    storage: str | None,
    google: str | None,
    out: Path | None,
    no_timings: bool,
    as_json: bool,
    formats: tuple[str, ...],
    **options: str | None,
) -> None:
    """Speak TEXT (or --file PATH, or - for standard input) and write the files to a folder.

    \b
    f5-flows speak "Good morning." --format srt --out greeting
    f5-flows speak --file chapter.txt --speed 0.9 --preset bbc
    echo "Good morning." | f5-flows speak - --json
    """
    request = _request(read_script(text, file), voice, formats, no_timings, options)
    writable(out or Path("output"))
    with bar(quiet=as_json) as show:
        reply = _run_flow(request, engine, storage, google, show)
    folder = out or Path("output") / reply["job_id"]
    with writing(
        folder, f"The files of job {reply['job_id']} are kept in the store: f5-flows result {reply['job_id']}"
    ):
        copied = _copy(reply, storage, folder)
    if as_json:
        click.echo(json.dumps(reply, ensure_ascii=False, indent=1))
        return
    click.echo(f"Done: {reply['duration']:.2f} s of speech, seed {reply['seed']}, job {reply['job_id']}")
    if "timing_method" in reply:
        confidence = reply["timing_confidence"]
        click.echo(f"Timed {reply['word_count']} words with {reply['timing_method']}, confidence {confidence:.2f}")
    for warning in reply["warnings"]:
        click.echo(f"Note: {warning}")
    for path in copied:
        click.echo(f"  {path}")


def _request(
    text: str, voice: str | None, formats: tuple[str, ...], no_timings: bool, options: dict[str, str | None]
) -> SpeechRequest:
    from speech.request import SpeechRequest

    fields = presented(options, formats) | {"text": text, "return_word_timings": not no_timings}
    if voice:
        fields["local_voice"] = voice
    return SpeechRequest.parse(fields)


def _run_flow(
    request: SpeechRequest,
    engine: str | None,
    storage: str | None,
    google: str | None,
    show: Callable[[str, float], None],
) -> dict[str, Any]:
    import logging
    import threading

    from speech.settings import export, settings

    if request.language is None:
        # Its model takes 0.7 s to unpack, which goes on while Prefect is imported.
        threading.Thread(target=_unpack, args=(request.text,), daemon=True).start()
    remote = settings().prefect_api_url
    use_server()

    # What the server does not hear of a run that has failed is no news for a person.
    export(PREFECT_LOGGING_INTERNAL_LEVEL="CRITICAL")
    logging.raiseExceptions = False

    from deployments.local.run import perform

    parameters = {"request": request, "engine": engine, "storage": storage, "google": google}
    return perform(parameters, show, remote=remote)


def _unpack(text: str) -> None:
    """Load the model that detects languages; a fault is told by the run, which needs it."""
    from speech.language import detect

    with suppress(Exception):
        detect(text)


def _copy(reply: dict[str, Any], storage: str | None, folder: Path) -> list[Path]:
    from speech.outputs import PIECES, key
    from speech.records import kinds

    store, job = open_store(storage), reply["job_id"]
    paths = []
    for kind in kinds(reply):
        path = folder / f"{job}.{kind}"
        store.get(key(job, kind), path)
        paths.append(_unpacked(path) if kind == PIECES else path)
    return paths


def _unpacked(path: Path) -> Path:
    import zipfile

    pieces = path.with_name(f"{path.stem}-cues")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(pieces)
    path.unlink()
    return pieces


@cli.command()
@click.argument("job_id")
@click.option("--storage", help="A Prefect storage block. Default: the environment's.")
def status(job_id: str, storage: str | None) -> None:
    """Say how a job stands, from its record in the store."""
    from speech.records import load

    record = load(open_store(storage), job_id)
    reply: dict[str, Any] = {"job_id": record.job_id, "status": record.status, "state": record.state}
    reply["progress"] = 1.0 if record.status == "COMPLETED" else 0.0
    if record.error_message:
        reply["error_message"] = record.error_message
    click.echo(json.dumps(reply, indent=1))


@cli.command()
@click.argument("job_id")
@click.option("--storage", help="A Prefect storage block. Default: the environment's.")
def result(job_id: str, storage: str | None) -> None:
    """Print the reply of a finished job, its URLs made anew."""
    from speech.records import load, reply

    store = open_store(storage)
    click.echo(json.dumps(reply(store, load(store, job_id)), ensure_ascii=False, indent=1))


@cli.command()
def doctor() -> None:
    """Say what is there, what is missing and what to do, one line each."""
    from deployments.cli.doctor import examine

    findings = examine()
    for finding in findings:
        click.echo(f"{finding.level:<9}{finding.name:<12}{finding.sentence}")
    if any(finding.level == "degraded" for finding in findings):
        sys.exit(FAILED)


@cli.group()
def server() -> None:
    """The local Prefect server, which keeps the history of runs and shows it in a browser."""


@server.command("start")
def server_start() -> None:
    """Start it, unless it runs."""
    from deployments.local.server import ensure

    started = ensure(lambda text: click.echo(text, err=True))
    click.echo(f"The local Prefect server runs at {started.url} (process {started.pid}).")


@server.command("stop")
def server_stop() -> None:
    """Stop it."""
    from deployments.local.server import stop

    click.echo("Stopped." if stop() else "No local Prefect server was running.")


@server.command("status")
def server_status() -> None:
    """Say whether it runs and answers; exit code 1 if not."""
    from deployments.local.server import find

    found = find()
    if found is None:
        fail(["No local Prefect server is running; start it with: f5-flows server start"], FAILED)
    if not found.answers():
        fail([f"The local Prefect server (process {found.pid}) does not answer; f5-flows server start replaces it."], 1)
    click.echo(f"The local Prefect server runs at {found.url} (process {found.pid}, Prefect {found.prefect}).")


@server.command("ui")
def server_ui() -> None:
    """Open its pages in a browser, signed in by a link that works once, within two minutes."""
    from deployments.local.server import ensure

    url = ensure(lambda text: click.echo(text, err=True)).sign_in()
    click.echo(url)
    click.launch(url)


@server.command("reset")
def server_reset() -> None:
    """Put its database aside under another name and start with an empty one."""
    from deployments.local.server import reset

    started = reset(lambda text: click.echo(text, err=True))
    click.echo(f"The local Prefect server runs at {started.url} (process {started.pid}) on a new database.")


for command in (align, burn, models, runtime, voices, deploy, blocks, endpoint, worker, execute, healthcheck):
    cli.add_command(command)
