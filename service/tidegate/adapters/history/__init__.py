"""History in SQL: what the output topics said, kept by age, for questions. SQLAlchemy's and Alembic's only home.

The topics are the truth: what is here can be made again from them, as far back as they reach. Does not decide anything, and
nothing that a worker does depends on it.
"""

from tidegate.adapters.history.audit import SqlAudit
from tidegate.adapters.history.database import Database, open_database
from tidegate.adapters.history.follower import Follower
from tidegate.adapters.history.keys import SqlKeys
from tidegate.adapters.history.migrate import migrate
from tidegate.adapters.history.reader import SqlViews
from tidegate.adapters.history.retention import keep_pruned, prune

__all__ = ["Database", "Follower", "SqlAudit", "SqlKeys", "SqlViews", "keep_pruned", "migrate", "open_database", "prune"]
