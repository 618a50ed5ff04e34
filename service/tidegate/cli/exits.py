"""Exit codes: one table from our errors to what a shell sees."""

from typing import Final

from tidegate.errors import BundleError, ConfigurationError, DependencyError, InputError, TidegateError

OK: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
DEPENDENCY: Final = 3

_CODES: Final[tuple[tuple[type[TidegateError], int], ...]] = (
    (ConfigurationError, UNUSABLE),
    (InputError, UNUSABLE),
    (BundleError, UNUSABLE),
    (DependencyError, DEPENDENCY),
)


def exit_code(error: TidegateError) -> int:
    """The exit code for `error`; 1 when the table has none."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
