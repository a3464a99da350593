"""The steps of flows: one file per step, each a Prefect task around a call into `speech`."""
