"""Speak a text through Prefect: start a run of the deployment, wait for its end, print the reply.

    python prefect_request.py "Hello there."

PREFECT_API_URL names the server. `f5-flows deploy` has made the deployment; a worker of its pool runs it.
"""

import sys

from prefect.deployments import run_deployment


def main(text: str) -> None:
    run = run_deployment(
        "speak/speak",
        parameters={"request": {"text": text, "return_word_timings": True, "timing_format": "vtt"}},
        timeout=600,
    )
    if run.state is None or not run.state.is_completed():
        sys.exit(f"The run {run.id} is {run.state_name}: {run.state and run.state.message}")
    # The id of the run is the id of the job: its files lie under output/ and timings/ in the store.
    print(f"output/{run.id}.wav")
    print(f"timings/{run.id}.vtt")


if __name__ == "__main__":
    main(sys.argv[1])
