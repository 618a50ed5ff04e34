"""Offline training of Tidegate's bundles: data, models, training, export, evaluation and reports.

May import `tidegate` (contracts, core, adapters, fleet); the service never imports this package.
"""
