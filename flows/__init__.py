"""The flows that can be started. Importing any module of this package redacts secrets in the logs of the process."""

from flows.registry import FLOWS, load

__all__ = ["FLOWS", "load"]
