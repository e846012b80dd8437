"""policyscope: understand a trained neural policy and decide whether to trust it.

Three lines from a checkpoint to a report::

    from policyscope import Environment, analyze, load

    report = analyze(load("examples/cartpole_dqn.zip"), Environment("CartPole-v1"))
    print(report)

Importing this module loads nothing heavy: each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policyscope.analysis import analyze
    from policyscope.errors import PolicyscopeError
    from policyscope.policies.callables import from_callable
    from policyscope.policies.loading import load
    from policyscope.reports.report import Report
    from policyscope.rollouts.actors import Greedy
    from policyscope.rollouts.environment import Environment
    from policyscope.rollouts.play import play
    from policyscope.rollouts.recording import Recording
    from policyscope.rollouts.recording_files import read_recording

__version__ = "0.1.0"

__all__ = [
    "Environment",
    "Greedy",
    "PolicyscopeError",
    "Recording",
    "Report",
    "analyze",
    "from_callable",
    "load",
    "play",
    "read_recording",
]

_HOMES = {
    "Environment": "policyscope.rollouts.environment",
    "Greedy": "policyscope.rollouts.actors",
    "PolicyscopeError": "policyscope.errors",
    "Recording": "policyscope.rollouts.recording",
    "Report": "policyscope.reports.report",
    "analyze": "policyscope.analysis",
    "from_callable": "policyscope.policies.callables",
    "load": "policyscope.policies.loading",
    "play": "policyscope.rollouts.play",
    "read_recording": "policyscope.rollouts.recording_files",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'policyscope' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
