"""Mutated and random messages through decoding and state, by the code that a worker runs: nothing may crash, vanish or grow.

`make fuzz N=1000000 SEED=1`, or `python -m fuzz --help` with `tests` on the path.
"""
