"""f5-flows deploy and f5-flows blocks: setup of a Prefect server."""

from __future__ import annotations

from contextlib import suppress

import click

from deployments.cli.console import open_store, use_server
from deployments.cli.terminal import echo

__all__ = ["POOL", "blocks", "deploy"]

POOL = "local"
"""The work pool that `deploy` sets up and `worker` serves, unless another is named."""


@click.command()
@click.option("--pool", default=POOL, show_default=True, help="Name of the work pool; 'gpu' runs on RunPod.")
@click.option("--type", "kind", type=click.Choice(["process", "runpod"]), help="Default: runpod for gpu, else process.")
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of concurrent flow runs in the pool.")
def deploy(pool: str, kind: str | None, limit: int | None) -> None:
    """Set up the Prefect server: blocks, work pool, deployments, automations. Repeating it does no harm.

    \b
    f5-flows deploy                                  for this machine
    RUNPOD_API_KEY=... RUNPOD_ENDPOINT_ID=... f5-flows deploy --pool gpu
    """
    use_server()
    import asyncio

    from deployments.setup import set_up
    from speech import inbox
    from speech.errors import SpeechError

    chosen = kind or ("runpod" if pool == "gpu" else "process")
    asyncio.run(set_up(pool, chosen, limit, click.echo))  # type: ignore[arg-type]
    # The worker's store may be one that this machine cannot open.
    with suppress(SpeechError):
        echo(f"Inbox: {inbox.locate(open_store())} (narrate-inbox speaks the texts that are put there)")
    echo(f"Start a worker, which runs them:  f5-flows worker{'' if pool == POOL else f' --pool {pool}'}")
    echo('Start a run:  f5-flows run speak --param request.text="Hello there."')


@click.group()
def blocks() -> None:
    """Manage the Prefect blocks, which keep credentials out of deployments, jobs and logs."""


@blocks.command()
def register() -> None:
    """Register the block types with the server, so that its UI offers them."""
    use_server()
    import asyncio

    from blocks.saved import TYPES

    async def run() -> None:
        for kind in TYPES:
            await kind.register_type_and_schema()
            echo(kind.get_block_type_slug())

    asyncio.run(run())


@blocks.command()
def save() -> None:
    """Save what the environment describes: the bucket, Google's account, RunPod's account and endpoint."""
    use_server()
    import asyncio

    from blocks.saved import asave_all, remark

    for name in asyncio.run(asave_all()) or ["The environment describes no block; see docs/settings.md."]:
        echo(name)
    if note := remark():
        echo(f"Note: {note}")
