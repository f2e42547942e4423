"""Dialplans: runs users' scripts in a sandbox and turns what they ask for into commands for the switch.

``Executions.run`` starts one, ``Sandbox`` computes, ``ScriptHost`` is what the switch implements. Journal and
continuations make a run durable; ``check_script`` looks at a script before it is saved. Nothing here knows calls,
messages or tables.
"""

from sipwright.services.linking import Module

from .checking.check import Problem, check_script
from .execution.execution import Ending, Execution, LegOutcome, Outcome, Plan, ScriptHost
from .execution.journal import Entry
from .execution.runner import EffectError, Effects, Executions, ExecutionsSnapshot
from .language.commands import Ask, Dial, HangUpAfter, LogLine, Respond, Sleep
from .language.limits import Limits, UserLimits
from .language.rules import Rule, RulesError, compile_rules, read_rules
from .language.values import Binding, Call, DialResult, HttpResponse, Inputs, LegResult, LegSpec, Request
from .sandbox.pool import Sandbox, SandboxSnapshot
from .sandbox.result import Failed, Kind

__all__ = [
    "Ask",
    "Binding",
    "Call",
    "Dial",
    "DialResult",
    "EffectError",
    "Effects",
    "Ending",
    "Entry",
    "Execution",
    "Executions",
    "ExecutionsSnapshot",
    "Failed",
    "HangUpAfter",
    "HttpResponse",
    "Inputs",
    "Kind",
    "LegOutcome",
    "LegResult",
    "LegSpec",
    "Limits",
    "LogLine",
    "Module",
    "Outcome",
    "Plan",
    "Problem",
    "Request",
    "Respond",
    "Rule",
    "RulesError",
    "Sandbox",
    "SandboxSnapshot",
    "ScriptHost",
    "Sleep",
    "UserLimits",
    "check_script",
    "compile_rules",
    "read_rules",
]
