"""Which gateway serves which device, with how much: model, goals, planner, lifecycle of plans."""
