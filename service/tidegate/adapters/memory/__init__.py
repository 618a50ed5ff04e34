"""Doubles that live in memory, for tests: a log that can crash, pause and end on request, a clock moved by hand, metrics that
count nothing. They keep the promises of their ports and pass the same contract suite as the real ones.
"""

from tidegate.adapters.memory.access import MemoryAudit, MemoryKeys
from tidegate.adapters.memory.clock import ManualClock
from tidegate.adapters.memory.log import MemoryLog
from tidegate.adapters.memory.metrics import NullMetrics

__all__ = ["ManualClock", "MemoryAudit", "MemoryKeys", "MemoryLog", "NullMetrics"]
