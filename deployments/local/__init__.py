"""Running on this machine: the local Prefect server, and the runs of `f5-flows speak`."""
