"""Which gateway serves which device, with how much.

Two halves that meet in `model.PlanRequest` and `contracts.plan.Plan`. The allocator (`allocator`, `site`, `asking`,
`lifecycle`, `recheck`) is state: it takes commands and reviews, and answers with facts. The planner (`planner`, `construct`,
`triage`, `repair`, `make_room`, `ejections`, `gather`, `improve`, `exchange`, `shed`) is a function of a request. Between them
`frame` and `problem` hold a site in arrays, `rules` refuse single moves, `goals` rank whole assignments. Questions that change
nothing are `what_if`, `why_not` and `headroom`, which says of each loss whether a plan, a proof or neither was found (`worlds`,
`rehousing`, `shortage`).

Does not wait, ask a clock or carry anything out: gateways do that, from the assignments.
"""
