"""Readers of data-set formats: files in, `Series` out. One module per format behind one interface (`reader.Reader`).

`open_dataset` and `iter_dataset` are the way in; formats are told apart by their columns, not by their names. Readers change no
value they can keep: they rename columns, turn texts into codes and sort by time, and say so in their module.
"""

from tidegate.fleet.readers.catalogue import iter_dataset, open_dataset, scan

__all__ = ["iter_dataset", "open_dataset", "scan"]
