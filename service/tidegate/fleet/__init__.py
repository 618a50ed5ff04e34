"""A fleet from outside: simulated devices, recorded data sets, and the client that brings their readings to the public door.

Uses nothing of the service but its contracts: what works from here works from anybody's machine. Does not score, decide or
store; knows no broker.
"""
