"""The embedded durable log: one SQLite file, one process, no server; the same port as Kafka.

For trying out, one small site, and tests. What is where: `lockfile` keeps a second process out, `schema` lays out and
checks the file, `store` does the SQL, `compaction` forgets replaced records, `worker` is the one thread that touches
SQLite and joins concurrent writes into one fsync, `log` is the port. Does not know what the records mean.
"""

from tidegate.adapters.embedded.log import EmbeddedLog

__all__ = ["EmbeddedLog"]
