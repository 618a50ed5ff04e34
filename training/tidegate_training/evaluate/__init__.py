"""Evaluation: how good Tidegate is, measured with the service's own code beside plain baselines, and written down.

`vus` and `events` define the metrics, `baselines` the rivals, `detection`, `allocation` and `acceptance` the three
studies, `results` the one format they are written in. Never point-adjusted F1: random scores reach the state of the art in it.
"""
