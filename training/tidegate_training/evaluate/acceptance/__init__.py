"""Acceptance: recorded fleets through the running service, from outside, with a stop and a `kill -9` on the way.

`fleet` says who sends what, `process` runs the service, `client` speaks to its door, `live` is what happens while it runs,
`rerun` repeats the run from its own journal without interruption, `study` compares, `verdict` and `page` say what came of
it. Uses the service only as a stranger would: its command, its REST door and, once it is stopped, its log.
"""
