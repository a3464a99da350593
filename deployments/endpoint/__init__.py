"""The RunPod endpoint: a process that talks to RunPod and Prefect, and supervises a child that holds the models."""
