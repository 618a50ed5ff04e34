"""The loop that joins log, core and planner: decode, step, encode, commit; and restore after a crash.

Knows ports and the core, never an adapter. One `PartitionWorker` per owned partition; all of them share nothing.
"""
