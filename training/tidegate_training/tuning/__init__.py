"""Tuning of the forecaster: what is tried, who proposes it, and the table of trials. Changes no bundle."""
