"""Time to drain follows what goes out less what comes in, and says so when it cannot know."""

import math

from tidegate.pipeline.drain import WINDOW_SECONDS, Drain


def test_nothing_waiting_is_zero_one_look_is_unknown_and_a_lag_that_does_not_fall_is_for_ever() -> None:
    drain = Drain()
    first = drain.look(0.0, {"a": 0, "b": 100, "c": 100})
    assert first["a"] == 0.0
    assert math.isnan(first["b"])
    assert drain.look(1.0, {"a": 5, "b": 90, "c": 100}) == {"a": math.inf, "b": 9.0, "c": math.inf}


def test_only_the_last_while_counts() -> None:
    drain = Drain()
    for second in range(60):  # a flood first, then 20 more go out than come in
        lag = 100 * min(second, 20) - 20 * max(second - 20, 0)
        drained = drain.look(float(second), {"a": lag})
    assert drained == {"a": (2000 - 20 * 39) / 20}
    assert WINDOW_SECONDS < 39
