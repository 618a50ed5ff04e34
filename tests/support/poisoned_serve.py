"""`tidegate` with a forecaster that ends the whole process at the magic value, as a crash in native code does. For tests."""

import os
from collections.abc import Mapping
from typing import Any

from support.poison import PoisonedForecaster
from tidegate.bootstrap import service
from tidegate.cli.main import main
from tidegate.core.forecaster import Forecaster

_load = service.load_forecasters


def _poisoned(*arguments: Any) -> Mapping[str, Forecaster]:
    return {name: PoisonedForecaster(each, os.abort) for name, each in _load(*arguments).items()}


if __name__ == "__main__":
    service.load_forecasters = _poisoned  # type: ignore[assignment]  # a test's entry: the product cannot be poisoned
    main()
