"""The HTML report of a bundle: figures and plots in one file that needs nothing else."""
