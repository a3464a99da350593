"""The command line: each command is one call, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from deployments.cli.book import book
from deployments.cli.burn import burn
from deployments.cli.console import (
    BAD_INPUT,
    FAILED,
    as_option,
    blame,
    fail,
    notes,
    open_store,
    storage_option,
    temporary_files,
)
from deployments.cli.deploy import blocks, deploy
from deployments.cli.lexicon import lexicon
from deployments.cli.models import models
from deployments.cli.narrate import narrate
from deployments.cli.run import run_deployment
from deployments.cli.runpod import endpoint, execute, healthcheck, worker
from deployments.cli.runtime import runtime
from deployments.cli.script import script
from deployments.cli.speak import speak
from deployments.cli.subtitles import align
from deployments.cli.terminal import echo
from deployments.cli.voices import voices

__all__ = ["run"]


def run() -> None:
    """Run the command line; an error becomes one sentence and an exit code."""
    from speech.errors import InvalidRequest, SpeechError

    try:
        cli(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        sys.exit(BAD_INPUT)
    except InvalidRequest as fault:
        fail([as_option(problem) for problem in fault.problems], BAD_INPUT)
    except SpeechError as fault:
        fail([str(fault)], FAILED)
    except OSError as fault:
        fail([blame(fault)], FAILED)


# The commands that write temporary files.
_WITH_FILES = ("speak", "narrate", "book", "align", "burn", "voices")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="f5-flows")
@click.pass_context
def cli(context: click.Context) -> None:
    """Text to speech in a cloned voice, with subtitles timed to the word.

    \b
    Speak a sentence:        f5-flows speak "Hello there."
    Make an audiobook:       f5-flows narrate book.epub
    See what it would speak: f5-flows script book.epub
    Time a recording:        f5-flows align talk.mp3 --text talk.txt
    Caption a video:         f5-flows burn talk.mp4 --text talk.txt
    See what is missing:     f5-flows doctor
    Start runs from a UI:    f5-flows deploy && f5-flows worker
    Complete in bash:        eval "$(_F5_FLOWS_COMPLETE=bash_source f5-flows)"
    """
    if context.invoked_subcommand in _WITH_FILES:
        context.with_resource(temporary_files())


@cli.command()
@click.argument("job_id")
@storage_option
def status(job_id: str, storage: str | None) -> None:
    """Print the status of a job, from its record in the store."""
    from speech.records import load

    record = load(open_store(storage), job_id)
    reply: dict[str, Any] = {"job_id": record.job_id, "status": record.status, "state": record.state}
    reply["progress"] = 1.0 if record.status == "COMPLETED" else 0.0
    if record.error_message:
        reply["error_message"] = record.error_message
    echo(json.dumps(reply, indent=1))


@cli.command()
@click.argument("job_id")
@storage_option
def result(job_id: str, storage: str | None) -> None:
    """Print the reply of a finished job, with new URLs."""
    from speech.records import load, reply

    store = open_store(storage)
    echo(json.dumps(reply(store, load(store, job_id)), ensure_ascii=False, indent=1))


@cli.command()
def doctor() -> None:
    """Check what is installed, what is missing and what to do, one line each."""
    from deployments.cli.doctor import examine

    findings = examine()
    for finding in findings:
        echo(f"{finding.level:<9}{finding.name:<12}{finding.message}")
    if any(finding.level == "degraded" for finding in findings):
        sys.exit(FAILED)


@cli.group()
def server() -> None:
    """Manage the local Prefect server, which stores the history of runs and shows it in a browser."""


@server.command("start")
def server_start() -> None:
    """Start the server, unless it is running."""
    from deployments.local.server import ensure

    process = ensure(notes())
    echo(f"The local Prefect server runs at {process.url} (process {process.pid}).")


@server.command("stop")
def server_stop() -> None:
    """Stop the server, and the warm process that uses it."""
    from deployments.local import warm
    from deployments.local.server import stop

    ended = warm.stop()
    if stop():
        echo("Stopped.")
    else:
        echo(f"No local Prefect server was running{'; the warm process is stopped' if ended else ''}.")


@server.command("status")
def server_status() -> None:
    """Check whether the server runs and answers, and when it will end; exit code 1 if it does not answer."""
    from deployments.local import warm
    from deployments.local.server import find

    process = find()
    state = warm.status()
    if process is None:
        described = [_describe(state)] if state else []
        fail(["No local Prefect server is running; start it with: f5-flows server start", *described], FAILED)
    if not process.answers():
        fail(
            [f"The local Prefect server (process {process.pid}) does not answer; f5-flows server start replaces it."],
            1,
        )
    echo(f"The local Prefect server runs at {process.url} (process {process.pid}, Prefect {process.prefect}).")
    echo(_outlook(*process.outlook()))
    if state:
        echo(_describe(state))


def _outlook(seconds: float | None, kept_by: list[str]) -> str:
    """Return the sentence on when the server will end."""
    from datetime import datetime, timedelta

    if seconds is None:
        return "It stays until f5-flows server stop, as SERVER_IDLE_HOURS is 0."
    if kept_by:
        return f"It stays for now: {'; '.join(kept_by)}."
    now = datetime.now()
    end = now + timedelta(seconds=seconds)
    return f"It ends at {end:%H:%M}{'' if end.date() == now.date() else f' on {end:%d %B}'} unless it is used before."


def _describe(state: dict[str, Any]) -> str:
    """Return the sentence on the warm process."""
    if "memory" not in state:
        return f"The warm process ({state['pid']}) does not answer; f5-flows server stop ends it."
    runs, models = state["works"], state["models"]
    held = f"{state['memory'] / 1e6:.0f} MB, {models} {'model' if models == 1 else 'models'}"
    if runs:
        end = f"it carries out {'a run' if runs == 1 else f'{runs} runs'}"
    else:
        minutes = f"{state['seconds'] / 60:.0f} min" if state["seconds"] >= 60 else "less than a minute"
        end = f"it ends in {minutes} unless it is used before"
    return f"A warm process ({state['pid']}, {held}) makes the next speak quick; {end}."


@server.command("ui")
def server_ui() -> None:
    """Open the UI in a browser, signed in by a link that works once, within two minutes."""
    from deployments.local.server import ensure

    url = ensure(notes()).sign_in()
    echo(url)
    click.launch(url)


@server.command("reset")
def server_reset() -> None:
    """Rename the database, and start the server with an empty one."""
    from deployments.local import warm
    from deployments.local.server import reset

    warm.stop()
    process = reset(notes())
    echo(f"The local Prefect server runs at {process.url} (process {process.pid}) on a new database.")


_MORE = (run_deployment, blocks, endpoint, worker, execute, healthcheck)
for command in (speak, script, align, book, burn, lexicon, models, narrate, runtime, voices, deploy, *_MORE):
    cli.add_command(command)
