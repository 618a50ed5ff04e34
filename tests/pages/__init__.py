"""Runs the commands of the documentation, page by page, as a reader would type them."""
