"""Store a recording as a voice by way of the RunPod endpoint, list the voices, and speak with it.

    python store_voice.py narrator recording.wav "What the recording says."

RUNPOD_API_KEY and RUNPOD_ENDPOINT_ID name the account and the endpoint; RUNPOD_URL is for tests.
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import httpx


def main(name: str, recording: Path, says: str) -> None:
    upload = {
        "endpoint": "upload",
        "voice_name": f"{name}.wav",
        # A recording of up to about 7 MB fits into a job; for a larger one, give its address as voice_file_url.
        "voice_file": base64.b64encode(recording.read_bytes()).decode(),
        "reference_text": says,
        "overwrite": True,
    }
    print(ask(upload)["status"])
    for voice in ask({"endpoint": "list_voices"})["voices"]:
        print(f"{voice['name']}: {voice['duration']} s")
    reply = ask({"text": "This is my new voice.", "local_voice": f"{name}.wav"})
    print(reply["audio_url"].partition("?")[0])


def ask(given: dict[str, Any]) -> dict[str, Any]:
    """Send a job and wait for its reply, for at most a minute and a half."""
    url = f"{os.environ.get('RUNPOD_URL', 'https://api.runpod.ai/v2')}/{os.environ['RUNPOD_ENDPOINT_ID']}"
    key = {"Authorization": f"Bearer {os.environ['RUNPOD_API_KEY']}"}
    answer = httpx.post(f"{url}/runsync?wait=90000", headers=key, json={"input": given}, timeout=120)
    job = answer.raise_for_status().json()
    if job["status"] != "COMPLETED":
        sys.exit(f"The job ended as {job['status']}: {job.get('error')}")
    return dict(job["output"])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
