"""What runs on this machine: the local Prefect server, and runs of `f5-flows speak`."""
