"""Changes of the tables, in a line: each names the one before it."""
