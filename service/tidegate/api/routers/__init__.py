"""One router per resource. Each translates between HTTP and values and decides nothing."""
