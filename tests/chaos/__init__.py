"""Chaos: real workers on a real broker, disturbed at random but reproducible moments, and then held against the truth.

`python -m chaos` (or `make chaos`) draws a schedule of faults from a seed, sends a fleet's readings through a proxy of ours,
strikes while they flow, and judges what is on the topics afterwards. It knows the service from outside only: processes,
signals, topics; but for the truth, which is the service's own step over the journal, without a stop (`truth`).
"""
