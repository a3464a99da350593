"""Narrate the inbox: speak every new text or document in it once, and file it with its outputs."""

import asyncio
from typing import Annotated

from prefect import flow, get_run_logger

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.form import Form
from flows.speak import speak
from flows.workspace import RESULTS, workspace
from speech.errors import SpeechError
from speech.lexicons.library import find
from speech.script.readers import SUFFIXES
from speech.settings import EngineName
from tasks.inbox import file_away, lock, new_texts, perform, read

__all__ = ["narrate_inbox"]


@flow(name="narrate-inbox", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate_inbox(
    storage: Annotated[str | None, Form()] = None,
    local_voice: Annotated[str | None, Form()] = None,
    language: Annotated[str | None, Form()] = None,
    return_word_timings: bool = True,
    engine: Annotated[EngineName | None, Form()] = None,
    lexicon: Annotated[str | None, Form()] = None,
    most: int = 20,
) -> dict[str, str]:
    """Speak each text or document below inbox/, and move it to inbox/done/ or, with the reason, to inbox/failed/.

    Args:
        storage: a storage block. Empty: the worker's default.
        local_voice: the voice that reads. Empty: the default voice.
        language: ISO 639-1 code. Empty: detected for each text.
        return_word_timings: also write subtitles.
        engine: auto, f5-tts or espeak. Empty: the worker's default.
        lexicon: how words are spoken, the name of a stored lexicon. Empty: none.
        most: maximum number of texts that one run speaks; the others wait for the next run.
    """
    store = await aopen_store(storage)
    # An unknown lexicon is the caller's mistake, so it fails this run and not each text.
    await asyncio.to_thread(find, lexicon, store)
    options = {
        "local_voice": local_voice,
        "language": language,
        "lexicon": lexicon,
        "return_word_timings": return_word_timings,
    }
    filed: dict[str, str] = {}
    async with lock(store):
        count = 0
        for entry in await new_texts(store):
            if count == most:
                break
            if entry.is_ignored:
                get_run_logger().info("%a is ignored; texts and documents end in %s", entry.key, ", ".join(SUFFIXES))
                continue
            try:
                text = await read(store, entry)
                if text is None:
                    continue
                count += text.content is not None
                for note in text.notes:
                    get_run_logger().info("%a: %s", text.key, note)
                outcome = await perform(speak, text, options, {"engine": engine, "storage": storage})
                if outcome is not None:
                    with workspace() as folder:
                        filed[text.key] = await file_away(text, outcome, store, folder)
            except SpeechError as fault:
                get_run_logger().error("%a stays in the inbox: %s", entry.key, fault)
    return filed
