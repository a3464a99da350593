"""The commands that the image runs: the endpoint, the Prefect worker, or one flow run in a pod."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.util import find_spec

import click

from deployments.cli.console import FAILED, fail, refuse, use_server
from deployments.cli.deploy import POOL
from deployments.cli.terminal import echo

__all__ = ["endpoint", "execute", "healthcheck", "worker"]

# The endpoint writes a heartbeat every five seconds.
_SILENT_SECONDS = 60


@click.command()
@click.option("--local", is_flag=True, help="Serve RunPod's test API on this machine, for curl; needs no account.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="With --local: its port.")
def endpoint(local: bool, port: int) -> None:
    """Serve the jobs of a RunPod endpoint; RunPod starts this command in the image.

    \b
    f5-flows endpoint --local
    curl -s http://127.0.0.1:8000/runsync -H 'Content-Type: application/json' \\
         -d '{"input": {"text": "Hello there."}}'
    """
    from speech.settings import settings

    if find_spec("runpod") is None:
        refuse("RunPod's SDK is not installed; run: pip install 'f5-flows[endpoint]'")
    if local:
        from deployments.endpoint.local import serve

        serve(port)
        return
    if settings().runpod_webhook_get_job is None:
        refuse(
            "This is not a RunPod worker: RunPod sets RUNPOD_WEBHOOK_GET_JOB on its workers. "
            "To try the endpoint on this machine: f5-flows endpoint --local"
        )
    from deployments.endpoint.service import run

    run()


@click.command()
@click.option("--pool", default=POOL, show_default=True, help="The work pool; 'gpu' submits runs to RunPod.")
@click.option("--name", help="Name of the worker, as the UI shows it.")
def worker(pool: str, name: str | None) -> None:
    """Start a Prefect worker, which submits the pool's flow runs and watches them."""
    from speech.settings import export

    use_server()
    _check_pool(pool)
    # The person who starts a worker wants to see what it does.
    export(PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="INFO")
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, *(["--name", name] if name else [])]
    # Prefect turns SIGTERM into SIGINT, which shells make their background jobs ignore.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(sys.executable, command)


def _check_pool(pool: str) -> None:
    """Refuse a pool that does not exist: Prefect would create it, and wait there for ever."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            names = ", ".join(sorted(pool_found.name for pool_found in client.read_work_pools())) or "none"
            refuse(
                f"--pool: there is no work pool {pool!r}; there are: {names}. To make it: f5-flows deploy --pool {pool}"
            )


@click.command()
@click.argument("flow_run_id", type=click.UUID)
def execute(flow_run_id: object) -> None:
    """Run one flow run in this process and exit; a pod starts this command.

    In a RunPod pod it terminates the pod afterwards, so that an idle pod costs nothing.
    """
    from deployments.endpoint.one_shot import run

    outcome = run(str(flow_run_id))
    echo(f"Flow run {flow_run_id}: {outcome.name}")
    if outcome.error:
        fail([outcome.error], FAILED)


@click.command()
def healthcheck() -> None:
    """Check whether the endpoint of this container runs and works; exit code 1 if not."""
    from deployments.endpoint.health import alive_file

    try:
        silent = time.time() - alive_file().stat().st_mtime
        problems = json.loads(alive_file().read_text())["problems"]
    except OSError:
        fail(["The endpoint does not run here."], FAILED)
    except (ValueError, KeyError, TypeError):
        fail([f"The endpoint's health file cannot be read: {alive_file()}"], FAILED)
    if silent > _SILENT_SECONDS:
        fail([f"The endpoint has been silent for {silent:.0f} s."], FAILED)
    if problems:
        fail(problems, FAILED)
