"""How good and how fast plans are, on random sites, beside bounds, exact solvers and a plain greedy rule. Reads no files.

Everything here sees a request as arrays (`tidegate.core.allocation.problem`); what a solver answers is scored by the service's
own `evaluate` and checked for capacity and reach without the planner's search.
"""
