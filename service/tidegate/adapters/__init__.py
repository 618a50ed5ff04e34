"""What the ports stand on, one library each: SQLite, ONNX Runtime, Prometheus, the planner's process; and doubles for tests.

Adapters implement `tidegate.ports` and `tidegate.core.forecaster`, translate foreign errors into ours, and decide nothing.
"""
