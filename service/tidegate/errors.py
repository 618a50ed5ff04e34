"""Tidegate's own errors: one base, one small tree. Knows nothing about HTTP, Kafka or SQL.

    TidegateError
    ├── ConfigurationError      settings, profiles, command line: the operator can mend it
    ├── InputError              a message, file or request that says something we cannot accept
    │   ├── SchemaVersionError  a schema version this release does not know
    │   ├── RecordTooLargeError a record is larger than the log takes
    │   └── CommandRefused      a well-formed command that the present state does not allow
    ├── DependencyError         a thing beside us failed: disk, broker, planner process
    │   ├── BusyError           as much of this work as may be is under way
    │   ├── LogInUseError       another process holds the embedded log
    │   ├── LogFullError        the disk under the log is full
    │   ├── OwnerReplacedError  another process took this partition over
    │   ├── StateLostError      neither snapshot nor log can rebuild the state
    │   └── HistoryError        the database of history cannot be asked or written
    │       ├── HistoryUnavailableError  it is gone, or refuses us
    │       ├── HistoryBusyError         it has no time for us; trying again helps
    │       ├── HistoryFullError         its disk is full
    │       ├── HistoryDamagedError      its file is damaged
    │       ├── HistoryNewerError        a later release migrated it
    │       └── HistoryForeignError      it is somebody else's
    ├── BatchFailedError        the core raised on a batch: a bug of ours, or an input that finds one
    ├── BundleError             a model bundle is missing, corrupt, or not what its manifest says
    └── AllocationError         a plan or topology breaks a rule of its own

Each message carries the offending value and the expected one; `advice` says what to do about it.
"""


class TidegateError(Exception):
    """Base of every error Tidegate raises on purpose.

    `code` is stable and machine-readable (kebab case); `advice` is one sentence for the person who reads the log.
    """

    code = "tidegate-error"

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} ({self.advice})" if self.advice else self.message


class ConfigurationError(TidegateError):
    """Settings, a profile or the command line cannot be used as given."""

    code = "configuration-invalid"


class InputError(TidegateError):
    """A message, file or request cannot be accepted as it stands."""

    code = "input-invalid"


class SchemaVersionError(InputError):
    """The message names a schema version this release does not know; versions are refused, never guessed."""

    code = "schema-version-unknown"


class RecordTooLargeError(InputError):
    """A record is larger than the log takes; nothing of what was written with it is visible. Trying again changes nothing."""

    code = "record-too-large"


class CommandRefused(InputError):  # noqa: N818 it says what became of the command; "Error" would say we failed
    """The command is well formed, but the present state does not allow it (stale digest, unknown gateway, ...)."""

    code = "command-refused"


class DependencyError(TidegateError):
    """Something beside us failed: disk, broker, planner process."""

    code = "dependency-failed"


class BusyError(DependencyError):
    """As much of this work as may be is under way; nothing was begun. Coming back in some seconds is right."""

    code = "busy"


class LogInUseError(DependencyError):
    """Another process holds the embedded log; two writers would each believe to own every site."""

    code = "log-in-use"


class LogFullError(DependencyError):
    """The disk under the log is full; nothing was committed."""

    code = "log-full"


class OwnerReplacedError(DependencyError):
    """Another process became the committing owner of this partition, or the cluster aborted our transaction for its age.

    The state in memory is of no use any more: it is dropped, and only a new place in the group allows taking over again.
    """

    code = "owner-replaced"


class StateLostError(DependencyError):
    """Neither a snapshot nor the log is complete enough to rebuild the state."""

    code = "state-lost"


class HistoryError(DependencyError):
    """The database of history cannot be asked or written. Workers do not need it; what is missing there is read later."""

    code = "history-failed"


class HistoryUnavailableError(HistoryError):
    """The database is not reached, or refuses us."""

    code = "history-unavailable"


class HistoryBusyError(HistoryError):
    """The database has no time for us just now."""

    code = "history-busy"


class HistoryFullError(HistoryError):
    """The disk under the database is full; nothing was written."""

    code = "history-full"


class HistoryDamagedError(HistoryError):
    """The database's file is damaged, or is none."""

    code = "history-damaged"


class HistoryNewerError(HistoryError):
    """A later release gave the database a form that this one does not know."""

    code = "history-newer"


class HistoryForeignError(HistoryError):
    """The database has tables of our names that are not ours."""

    code = "history-foreign"


class BatchFailedError(TidegateError):
    """The core raised something it should not have; the state in memory is worth nothing and has to be rebuilt."""

    code = "batch-failed"


class BundleError(TidegateError):
    """A bundle is missing, corrupt, or does not match its manifest."""

    code = "bundle-invalid"


class AllocationError(TidegateError):
    """A topology or plan breaks a rule of its own (negative capacity, unknown gateway, ...)."""

    code = "allocation-invalid"
