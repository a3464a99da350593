"""Speak a text through the RunPod endpoint, and download the audio and the subtitles.

    python runpod_request.py "Hello there." hello

writes hello.wav and hello.srt. RUNPOD_API_KEY and RUNPOD_ENDPOINT_ID name the account and the endpoint;
RUNPOD_URL is for tests.
"""

import os
import sys
import time
from pathlib import Path

import httpx

ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"}


def main(text: str, name: str) -> None:
    url = f"{os.environ.get('RUNPOD_URL', 'https://api.runpod.ai/v2')}/{os.environ['RUNPOD_ENDPOINT_ID']}"
    key = {"Authorization": f"Bearer {os.environ['RUNPOD_API_KEY']}"}
    with httpx.Client(headers=key, timeout=60) as runpod:
        wanted = {"text": text, "return_word_timings": True}
        job = runpod.post(f"{url}/run", json={"input": wanted}).raise_for_status().json()
        while job["status"] not in ENDED:
            time.sleep(1)
            job = runpod.get(f"{url}/status/{job['id']}").raise_for_status().json()
            if progress := job.get("output", {}).get("step"):
                print(progress, job["output"]["progress"])
    if job["status"] != "COMPLETED":
        sys.exit(f"The job ended as {job['status']}: {job.get('error')}")
    reply = job["output"]
    for warning in reply["warnings"]:
        print("Note:", warning)
    # The URLs are signed: they are fetched without the key, within reply["expires_in"] seconds.
    Path(f"{name}.wav").write_bytes(httpx.get(reply["audio_url"]).raise_for_status().content)
    Path(f"{name}.srt").write_bytes(httpx.get(reply["timing_files"]["srt"]).raise_for_status().content)
    print(f"{name}.wav: {reply['duration']} s, {reply['word_count']} words, timed by {reply['timing_method']}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
