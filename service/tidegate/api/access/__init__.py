"""Who asks, and whether they may: credentials, the table of routes and roles, rates, and the record of what was asked for.

`gate` finds out who asks before anything else happens; `guard` holds the route that was found against the one table in
`rules`; what only a handler can know (the site of a body) it asks the `Caller` about. Stores nothing: `ports.access` does.
"""
