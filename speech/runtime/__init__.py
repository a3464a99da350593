"""Runtime components: installed when a request first needs them, beside the environment and never into it."""

from speech.runtime.components import COMPONENTS
from speech.runtime.folders import home
from speech.runtime.install import ComponentState, check, ensure, plan, remove, use
from speech.runtime.plan import InstallPlan

__all__ = ["COMPONENTS", "ComponentState", "InstallPlan", "check", "ensure", "home", "plan", "remove", "use"]
