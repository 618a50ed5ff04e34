"""Evidence streams that carry a state of their own, one module each. None decides anything, and none knows another.

A stream of rows is three things: `columns()` it keeps in `Rows`, `weigh` that turns a round's values into surprises (free of
units, NaN where it has nothing to say) and changes nothing, and `learn` that moves its columns on afterwards. Its tail, cap and
place in the sum are calibration's and scoring's business; its words are explanation's.
"""
