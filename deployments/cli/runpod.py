"""What the image runs: the endpoint, the Prefect worker, or one flow run in a pod."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.util import find_spec

import click

from deployments.cli.console import FAILED, fail, refuse, use_server

__all__ = ["endpoint", "execute", "healthcheck", "worker"]

# The endpoint shows life every five seconds.
_SILENT_SECONDS = 60


@click.command()
def endpoint() -> None:
    """Serve the jobs of a RunPod endpoint; RunPod starts it in the image."""
    from speech.settings import settings

    if find_spec("runpod") is None:
        refuse("RunPod's SDK is not installed; run: pip install 'f5-flows[endpoint]'")
    if settings().runpod_webhook_get_job is None:
        refuse("This is no worker of a RunPod endpoint: RunPod sets RUNPOD_WEBHOOK_GET_JOB there. Try: f5-flows speak")
    from deployments.endpoint.service import run

    run()


@click.command()
@click.option("--pool", default="gpu", show_default=True, help="The work pool, of type runpod or process.")
@click.option("--name", help="Of the worker, as the UI shows it.")
def worker(pool: str, name: str | None) -> None:
    """Start a Prefect worker: it submits the pool's flow runs and watches them."""
    from speech.settings import export

    use_server()
    _check_pool(pool)
    # Whoever runs a worker wants to see what it does.
    export(PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="INFO")
    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, *(["--name", name] if name else [])]
    os.execv(sys.executable, words)


def _check_pool(pool: str) -> None:
    """Refuse a pool that is not there: Prefect would make one of that name, and wait there for ever."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            known = ", ".join(sorted(one.name for one in client.read_work_pools())) or "none"
            refuse(
                f"--pool: there is no work pool {pool!r}; there are: {known}. To make it: f5-flows deploy --pool {pool}"
            )


@click.command()
@click.argument("flow_run_id", type=click.UUID)
def execute(flow_run_id: object) -> None:
    """Run one flow run here, and end; a pod does this.

    In a RunPod pod it terminates the pod afterwards, so that nobody pays for an idle one.
    """
    from deployments.endpoint.once import run

    outcome = run(str(flow_run_id))
    click.echo(f"Flow run {flow_run_id}: {outcome.name}")
    if outcome.error:
        fail([outcome.error], FAILED)


@click.command()
def healthcheck() -> None:
    """Say whether the endpoint of this container lives and works; exit code 1 if not."""
    from deployments.endpoint.service import alive_file

    try:
        silent = time.time() - alive_file().stat().st_mtime
        problems = json.loads(alive_file().read_text())["problems"]
    except OSError:
        fail(["The endpoint does not run here."], FAILED)
    except (ValueError, KeyError, TypeError):
        fail([f"What the endpoint says of itself cannot be read: {alive_file()}"], FAILED)
    if silent > _SILENT_SECONDS:
        fail([f"The endpoint has been silent for {silent:.0f} s."], FAILED)
    if problems:
        fail(problems, FAILED)
