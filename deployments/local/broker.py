"""The local Prefect server's event broker: Prefect's in-memory broker, which writes fewer events to the database.

A run of `speak` emits some thirty events. Automations, task runs and open pages receive each of them as it arrives;
only the database keeps all of them, for seven days: 137 of the 187 KB that a small job took were events. Events that
no person or program looks up later are not written. PREFECT_SERVER_EVENTS_MESSAGING_BROKER names this module.
"""

from __future__ import annotations

from typing import Any

from prefect.server.utilities.messaging import Message, MessageHandler
from prefect.server.utilities.messaging.memory import Consumer as Memory
from prefect.server.utilities.messaging.memory import Publisher, break_topic, ephemeral_subscription

__all__ = ["Consumer", "Publisher", "break_topic", "ephemeral_subscription"]

_TRANSIENT = ("prefect.task-run.", "prefect.artifact", "prefect.flow-run.heartbeat")


class Consumer(Memory):
    """Prefect's consumer; the one that writes events to the database does not receive transient ones."""

    def __init__(self, topic: str, group: str = "", **options: Any) -> None:
        super().__init__(topic, **options)
        self._writes = group == "event-persister"

    async def run(self, handler: MessageHandler) -> None:
        await super().run(_without_transient(handler) if self._writes else handler)


def _without_transient(handler: MessageHandler) -> MessageHandler:
    async def handle(message: Message) -> None:
        if not str((message.attributes or {}).get("event", "")).startswith(_TRANSIENT):
            await handler(message)

    return handle
