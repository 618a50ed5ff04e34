"""Tidegate: streaming anomaly detection and resource allocation for IoT fleets.

The architecture is the folders, lowest floor first: `contracts` (what crosses a border), `core` (pure decisions), `ports` with
`adapters`, `api` and `fleet` (the edges), `pipeline` (the loop that joins them), `bootstrap` (the one place that knows
every concrete class) and `cli`. Imports only point down; import-linter keeps it so.
"""

__version__ = "0.1.0"
