"""Kafka in one thread, with time moved by hand: a broker that speaks the wire protocol, and event loops without sockets.

aiokafka and everything of ours above it run unchanged; only the network is pretended. Which frame arrives when, or never,
is the test's to say, so a machine can search the orders in which things may happen (`tests/property/test_protocol.py`).
What it leaves out: more than one broker, leaders that move, compression, compaction, authorisation.
"""
