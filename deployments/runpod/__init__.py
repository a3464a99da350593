"""Running flow runs on RunPod: its two APIs, what their answers mean, and the Prefect worker that uses them."""
