"""f5-flows deploy and f5-flows blocks: setting a Prefect server up."""

from __future__ import annotations

import asyncio

import click

from deployments.cli.console import use_server

__all__ = ["blocks", "deploy"]


@click.command()
@click.option("--pool", default="local", show_default=True, help="Work pool; 'gpu' is one of RunPod's.")
@click.option("--type", "kind", type=click.Choice(["process", "runpod"]), help="Default: runpod for gpu, else process.")
@click.option("--limit", type=click.IntRange(min=1), help="Flow runs of the pool at once.")
def deploy(pool: str, kind: str | None, limit: int | None) -> None:
    """Set the Prefect server up: blocks, work pool, deployments, automations. Doing it again does no harm.

    \b
    f5-flows deploy                                  for this machine
    RUNPOD_API_KEY=... RUNPOD_ENDPOINT_ID=... f5-flows deploy --pool gpu
    """
    use_server()
    from deployments.setup import set_up

    chosen = kind or ("runpod" if pool == "gpu" else "process")
    asyncio.run(set_up(pool, chosen, limit, click.echo))  # type: ignore[arg-type]
    click.echo(f"Start what runs them with: f5-flows worker --pool {pool}")


@click.group()
def blocks() -> None:
    """The Prefect blocks, which keep credentials out of deployments, jobs and logs."""


@blocks.command()
def register() -> None:
    """Make the block types known to the server, so that its UI offers them."""
    use_server()
    from blocks.saved import TYPES

    async def run() -> None:
        for kind in TYPES:
            await kind.register_type_and_schema()
            click.echo(kind.get_block_type_slug())

    asyncio.run(run())


@blocks.command()
def save() -> None:
    """Save what the environment describes: the bucket, Google's account, RunPod's account and endpoint."""
    use_server()
    from blocks.saved import asave_all, remark

    for name in asyncio.run(asave_all()) or ["The environment describes no block; see the README's settings."]:
        click.echo(name)
    if told := remark():
        click.echo(f"Note: {told}")
