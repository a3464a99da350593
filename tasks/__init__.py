"""The steps of a flow: one file a step, each a Prefect task around one call into `speech`."""
