"""Setup of a Prefect server for this project; repeating it changes only what is out of date."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import yaml
from prefect.automations import Automation
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from blocks.saved import NAME, asave_all, remark
from deployments.runpod.worker import RunPodWorker
from speech.errors import ServerError, SettingsError
from speech.settings import PUBLIC, bare_environment, settings

__all__ = ["AUTOMATIONS", "DEPLOYMENTS", "apply_automations", "set_up"]

DEPLOYMENTS = Path(__file__).with_name("prefect.yaml")
AUTOMATIONS = Path(__file__).with_name("automations.yaml")

Notify = Callable[[str], None]
PoolType = Literal["process", "runpod"]


async def set_up(pool: str, kind: PoolType, limit: int | None, notify: Notify) -> None:
    """Create or update the blocks, the work pool, the deployments and the automations.

    Args:
        pool: the name of the work pool that the deployments use.
        limit: the maximum number of concurrent flow runs in the pool; None for no limit.

    Raises:
        SettingsError: a RunPod pool has no credentials, or the pool exists with another type.
        ServerError: Prefect rejected the deployments.
    """
    async with get_client() as client:
        saved = await asave_all()
        notify(f"Blocks: {', '.join(saved) or 'the types only; the environment describes none'}")
        if note := remark():
            notify(f"Note: {note}")
        await _pool(client, pool, kind, limit)
        notify(f"Work pool: {pool} ({kind}{f', at most {limit} at once' if limit else ''})")
        for line in deploy(pool):
            notify(f"Deployment: {line}")
        for name in await apply_automations(client):
            notify(f"Automation: {name}")


def deploy(pool: str) -> list[str]:
    """Apply prefect.yaml to a pool, and return the names of the deployments."""
    # Not in the caller's folder, which may hold another prefect.yaml or flows package.
    completed = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(DEPLOYMENTS)],
        capture_output=True,
        text=True,
        cwd=DEPLOYMENTS.parent.parent,
        env=bare_environment("PREFECT_*", *PUBLIC, F5_FLOWS_POOL=pool, COLUMNS="200"),
    )
    if completed.returncode:
        last = [line for line in (completed.stdout + completed.stderr).splitlines() if line.strip()][-3:]
        raise ServerError(f"Prefect rejected the deployments: {' '.join(last)[:500]}")
    return _names()


async def apply_automations(client: PrefectClient, definitions: list[dict[str, Any]] | None = None) -> list[str]:
    """Create or update automations by name, and return the names; one whose block is missing is skipped."""
    applied = []
    for definition in definitions if definitions is not None else yaml.safe_load(AUTOMATIONS.read_text()):
        for action in definition["actions"]:
            if block := action.get("block_document_id"):
                action["block_document_id"] = await _block_id(client, str(block))
        if any(action.get("block_document_id", "") is None for action in definition["actions"]):
            continue
        automation = AutomationCore.model_validate(definition)
        existing = await client.read_automations_by_name(automation.name)
        if existing:
            await client.update_automation(existing[0].id, automation)
        else:
            await Automation(**automation.model_dump(exclude={"owner_resource"})).acreate()
        applied.append(automation.name)
    return applied


async def _pool(client: PrefectClient, name: str, kind: PoolType, limit: int | None) -> None:
    template = (RunPodWorker if kind == "runpod" else ProcessWorker).get_default_base_job_template()
    if kind == "runpod":
        await _point_to_account(client, template)
    try:
        existing = await client.read_work_pool(name)
    except ObjectNotFound:
        new_pool = WorkPoolCreate(name=name, type=kind, base_job_template=template, concurrency_limit=limit)
        await client.create_work_pool(new_pool)
        return
    if existing.type != kind:
        raise SettingsError(
            f"The work pool {name!r} is of type {existing.type}; name another with --pool, or delete it."
        )
    _keep_changed_defaults(template, existing.base_job_template)
    change = WorkPoolUpdate(base_job_template=template, concurrency_limit=limit or existing.concurrency_limit)
    await client.update_work_pool(name, change)


async def _point_to_account(client: PrefectClient, template: dict[str, Any]) -> None:
    """Refer to the credentials block by id in the pool's defaults, the only place where Prefect resolves it late."""
    block = await _block_id(client, f"runpod-credentials/{NAME}")
    if block is None:
        raise SettingsError("A RunPod pool needs an account; set RUNPOD_API_KEY and RUNPOD_ENDPOINT_ID, and run again.")
    properties = template["variables"]["properties"]
    properties["credentials"]["default"] = {"$ref": {"block_document_id": str(block)}}
    if endpoint := settings().runpod_endpoint_id:
        properties["endpoint_id"]["default"] = endpoint


def _keep_changed_defaults(template: dict[str, Any], existing: dict[str, Any]) -> None:
    """Keep the defaults that an operator has changed in the pool."""
    old = existing.get("variables", {}).get("properties", {})
    for name, field in template["variables"]["properties"].items():
        if name not in ("credentials", "endpoint_id") and "default" in old.get(name, {}):
            field["default"] = old[name]["default"]


async def _block_id(client: PrefectClient, name: str) -> UUID | None:
    kind, _, block = name.partition("/")
    try:
        return (await client.read_block_document_by_name(block, kind)).id
    except ObjectNotFound:
        return None


def _names() -> list[str]:
    return [str(deployment["name"]) for deployment in yaml.safe_load(DEPLOYMENTS.read_text())["deployments"]]
