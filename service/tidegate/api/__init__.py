"""The REST door: readings and commands in, facts and live state out.

Routers translate between HTTP and values and decide nothing: a reading is appended to the log, a command likewise; what
becomes of them is the worker's to say. Answers come from the read model (`Views`) and the worker's live state.
"""
