"""Secrets of settings: given, or in a file that is mounted."""

from pathlib import Path

from pydantic import SecretStr

from tidegate.errors import ConfigurationError


def secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """The secret itself, or the first line of its file; empty when neither is set. `name` is the setting's.

    Raises:
        ConfigurationError: both are set, or the file cannot be read.
    """
    if file is None:
        return value.get_secret_value() if value is not None else ""
    if value is not None:
        raise ConfigurationError(f"{name} and {name}_file are both set", advice="keep one of them")
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {name}_file {file}: {type(error).__name__}") from error
