"""Which plans are carried out without a person's approval: the criteria of the settings, in the order in which they are named."""

from tidegate.contracts.configuration import AllocationSettings
from tidegate.contracts.daily import DAY_MINUTES, covers
from tidegate.contracts.plan import Plan
from tidegate.core.allocation.waves import is_rescue


def missed(plan: Plan, settings: AllocationSettings, now_ms: int) -> str | None:
    """The first criterion that keeps `plan` from being carried out at tick `now_ms` without approval; None when all are met.

    A rescue is held to what it was made for, not to its size nor to a time of day: devices without service do not wait.
    """
    if not settings.auto_approve:
        return "plans need approval"
    if settings.auto_approve_triggers and plan.trigger not in settings.auto_approve_triggers:
        return f"only plans for {', '.join(settings.auto_approve_triggers)} go without approval, not for {plan.trigger}"
    if is_rescue(plan):
        return None
    if settings.auto_approve_max_moves and len(plan.moves) > settings.auto_approve_max_moves:
        return f"at most {settings.auto_approve_max_moves} moves go without approval, it has {len(plan.moves)}"
    windows = settings.auto_approve_windows
    if windows and not any(covers(window, now_ms) for window in windows):
        minute = now_ms // 60_000 % DAY_MINUTES
        return f"plans go without approval at {', '.join(windows)} UTC, it is {minute // 60:02}:{minute % 60:02}"
    return None
