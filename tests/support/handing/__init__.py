"""A made world in which devices are handed over: the real allocator and agents, and between them all that can go wrong."""
