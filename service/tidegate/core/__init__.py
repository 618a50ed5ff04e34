"""Pure decisions: state, evidence, calibration, alarms, incidents, demand, allocation.

Plain functions and values. Never sees Kafka, HTTP, ONNX, SQL, a clock, a metric or an environment variable: time comes in
as ticks, models as a `Forecaster` or a `Classifier`, everything else as values. Equal inputs give equal state, bit for bit.
"""
