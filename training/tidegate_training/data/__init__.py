"""Training data: series on regular grids, their split, the lanes cut from them, and the hash that names what was used."""
