"""f5-flows run: start a run of a deployment, which a worker executes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import refuse, use_server
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["require", "run_deployment", "start"]


@click.command("run")
@click.argument("deployment")
@click.option(
    "--param",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    help="A flow parameter, as JSON or plain text; may be repeated. NAME.FIELD sets a field of it.",
)
def run_deployment(deployment: str, given: tuple[str, ...]) -> None:
    """Start a run of DEPLOYMENT, such as speak, on the Prefect server; a worker carries it out.

    \b
    f5-flows run speak --param request.text="Hello there." --param request.return_word_timings=true
    f5-flows run narrate-inbox
    f5-flows run prune-outputs --param keep_days=7 --param dry_run=false
    """
    import asyncio

    parameters = _parameters(given)
    use_server()
    asyncio.run(start(deployment, parameters))


def _parameters(assignments: tuple[str, ...]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        *path, field = name.split(".")
        if not equals or not all((*path, field)):
            refuse(f"--param: {text!r} is not NAME=VALUE")
        inner = parameters
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                refuse(f"--param: {text!r}: {part} already has a value, so its fields cannot be set")
        inner[field] = _value(value)
    return parameters


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def require(deployment: str, option: str) -> None:
    """Refuse an option that needs a deployment if the server has none of that name."""
    import asyncio

    from prefect.client.orchestration import get_client

    async def find() -> None:
        async with get_client() as client:
            await _find(client, deployment, option)

    asyncio.run(find())


async def start(name: str, parameters: dict[str, Any], *, silent: bool = False) -> str:
    """Start a run of a deployment, and say where it is unless silent; return its id."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    async with get_client() as client:
        deployment = await _find(client, name, "DEPLOYMENT")
        try:
            run = await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
        except PrefectHTTPStatusError as fault:
            refuse(f"--param: {_reason(fault.response.text)}")
        if not silent:
            await _announce(client, deployment, run)
    return str(run.id)


async def _announce(client: PrefectClient, deployment: DeploymentResponse, run: FlowRun) -> None:
    from prefect.settings import PREFECT_UI_URL

    echo(f"{deployment.name}: run {run.name!r} is scheduled, job {run.id}")
    if page := PREFECT_UI_URL.value():
        echo(f"  {page}/runs/flow-run/{run.id}")
    if not await _has_worker(client, deployment):
        pool = deployment.work_pool_name
        echo(f"Note: the run waits for a worker; start one: f5-flows worker --pool {pool}")


async def _find(client: PrefectClient, name: str, option: str) -> DeploymentResponse:
    """Return the deployment of a name; a flow name alone stands for its deployment of the same name."""
    from prefect.exceptions import ObjectNotFound

    try:
        return await client.read_deployment_by_name(name if "/" in name else f"{name}/{name}")
    except ObjectNotFound:
        names = ", ".join(sorted(deployment.name for deployment in await client.read_deployments())) or "none"
        refuse(f"{option}: there is no deployment {name!r}; there are: {names}. To make them: f5-flows deploy")


async def _has_worker(client: PrefectClient, deployment: DeploymentResponse) -> bool:
    from prefect.client.schemas.objects import WorkPoolStatus

    if not deployment.work_pool_name:
        return True
    return (await client.read_work_pool(deployment.work_pool_name)).status == WorkPoolStatus.READY


def _reason(answer: str) -> str:
    """Return what is wrong with parameters, as the server says it."""
    try:
        detail = json.loads(answer)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer
    return str(detail)[:300]
