"""Models as torch modules whose `step` is both what is trained and what is exported."""
