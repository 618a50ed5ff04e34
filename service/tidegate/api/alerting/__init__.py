"""People are told of anomalies and incidents as they open, go on and end. Decides whom to tell of what, and nothing else."""
