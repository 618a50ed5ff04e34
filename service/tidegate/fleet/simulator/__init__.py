"""A made fleet: devices with daily and weekly demand, noise, missing values and labelled faults, from one random state.

The same specification gives the same stream, byte for byte, for as long as nobody answers it. In a closed loop (`live`) devices
follow their assignments, so the stream then depends on the service's decisions as well.
"""
