"""Narrate the inbox: every new text file in it is spoken once, and filed with what was made of it."""

from prefect import flow, get_run_logger

from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.speak import speak
from flows.workspace import RESULTS, workspace
from speech.errors import SpeechError
from speech.settings import EngineName
from tasks.inbox import file_away, new_texts, perform, read, turn

__all__ = ["narrate_inbox"]


@flow(name="narrate-inbox", persist_result=False, result_storage=RESULTS)
@cancellable
async def narrate_inbox(
    storage: str | None = None,
    local_voice: str | None = None,
    language: str | None = None,
    return_word_timings: bool = True,
    engine: EngineName | None = None,
    most: int = 20,
) -> dict[str, str]:
    """Speak each text file below inbox/, and move it to inbox/done/ or, with the reason, to inbox/failed/.

    Args:
        storage: a storage block. Empty: what the worker is set up for.
        local_voice: the voice that reads. Empty: the default voice.
        language: ISO 639-1. Empty: detected for each text.
        return_word_timings: write subtitles too.
        engine: auto, f5-tts or espeak. Empty: what the worker is set up for.
        most: how many texts one run speaks; the rest waits for the next one.
    """
    store = await aopen_store(storage)
    asked = {"local_voice": local_voice, "language": language, "return_word_timings": return_word_timings}
    filed: dict[str, str] = {}
    async with turn(store):
        begun = 0
        for waiting in await new_texts(store):
            if begun == most:
                break
            try:
                text = await read(store, waiting)
                if text is None:
                    continue
                begun += text.content is not None
                outcome = await perform(speak, text, asked, {"engine": engine, "storage": storage})
                if outcome is not None:
                    with workspace() as folder:
                        filed[text.key] = await file_away(text, outcome, store, folder)
            except SpeechError as fault:
                get_run_logger().error("%a stays in the inbox: %s", waiting.key, fault)
    return filed
