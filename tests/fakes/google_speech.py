"""A local server of Google's Speech-to-Text service, over gRPC and with Google's own messages.

It knows what the recording says and when (it is told), so it can answer as Google would, and it can
be told to stall, to refuse, to be out of quota, to be away, or to mishear.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
from google.cloud.speech_v1.types import (
    RecognizeRequest,
    RecognizeResponse,
    SpeechRecognitionAlternative,
    SpeechRecognitionResult,
    WordInfo,
)

Timed = tuple[str, float, float]
"""A word and its start and end in seconds from the start of the recording."""


class GoogleSpeech:
    """Serves on a loopback port of its own until `stop`.

    Attributes:
        words: what the recording says.
        mode: "answer", "stall", "deny", "quota", "away", "nothing".
        hear: what becomes of each word on the way; the word, another, or None for not heard.
        requests: what was asked.
    """

    def __init__(self, words: list[Timed]) -> None:
        self.words = words
        self.mode = "answer"
        self.hear: Callable[[str], str | None] = lambda word: word
        self.requests: list[RecognizeRequest] = []
        self._sent = 0.0
        handler = grpc.unary_unary_rpc_method_handler(
            self._recognize,
            request_deserializer=RecognizeRequest.deserialize,
            response_serializer=RecognizeResponse.serialize,
        )
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("google.cloud.speech.v1.Speech", {"Recognize": handler})]
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.stop(0)

    def _recognize(self, request: RecognizeRequest, context: grpc.ServicerContext) -> RecognizeResponse:
        self.requests.append(request)
        refusals = {
            "deny": grpc.StatusCode.PERMISSION_DENIED,
            "quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
            "away": grpc.StatusCode.UNAVAILABLE,
        }
        if self.mode in refusals:
            context.abort(refusals[self.mode], "as told")
        if self.mode == "stall":
            time.sleep(3)
        begin = self._sent
        self._sent = begin + len(request.audio.content) / 2 / request.config.sample_rate_hertz
        infos = [
            # Google's times have steps of 100 ms.
            WordInfo(
                word=heard,
                start_time=timedelta(seconds=round(start - begin, 1)),
                end_time=timedelta(seconds=round(end - begin, 1)),
                confidence=0.9,
            )
            for word, start, end in self.words
            if begin <= start < self._sent and self.mode != "nothing" and (heard := self.hear(word))
        ]
        best = SpeechRecognitionAlternative(words=infos, confidence=0.9)
        return RecognizeResponse(results=[SpeechRecognitionResult(alternatives=[best])] if infos else [])
