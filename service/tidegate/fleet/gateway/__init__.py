"""The reference agent of a gateway: follows its assignments, reserves, releases, and stops when its leases end.

Shows what a gateway's controller has to do so that no device ever has two owners (docs/decisions/0015). Serves nobody itself.
"""
