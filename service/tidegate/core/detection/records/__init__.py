"""Devices whose readings are records: classified whole by a bundle of task `classify`, in place of forecast metric by metric.

Two evidence streams, each a decayed CUSUM per device with a tail of its own: `class`, the log-odds of attack, and `unknown`,
records that fit no class. From their rarity on everything is as for any device. One entry of state per device, not per metric.
"""
