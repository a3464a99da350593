"""The RunPod endpoint: a supervisor that talks to RunPod and Prefect, over one child that holds the models.

RunPod ── loop ── jobs ─┬─ runs ── Prefect
                        └─ keeper ══ child: models, flow runs
"""
