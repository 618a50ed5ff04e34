"""Dashboard "allocation": whether every device is served, how full the gateways are, and what plans do."""

from board import Board, Number, Panel, Query, Row
from promql import increase, least, quantile, quantiles, rate, total, worst

_APPLIED = 'status="applied"'

ALLOCATION = Board(
    uid="tidegate-allocation",
    title="Tidegate / Allocation",
    text="Load against capacity, devices nobody serves, and the life of plans. One gateway: GET /v1/gateways/{id}/assignments.",
    rows=[
        Row(
            "Now",
            [
                Number(
                    "Unserved devices",
                    "Devices of a topology that no gateway serves.",
                    total("tidegate_unserved_devices"),
                    limits=(1, 10),
                ),
                Number(
                    "Fullest gateway",
                    "Load over capacity of the fullest gateway and resource; above 1 is overload.",
                    worst("tidegate_gateway_utilisation_max_ratio"),
                    unit="percentunit",
                    limits=(0.8, 1.0),
                ),
                Number(
                    "Applied in 1 h", "Plans; each moves devices.", increase("tidegate_decisions_total", "1h", where=_APPLIED)
                ),
                Number(
                    "Refused in 1 h",
                    "Plans that did not come to pass, not wholly, or not well: refused, expired or halted.",
                    increase("tidegate_decisions_total", "1h", where='status=~"refused|expired|halted"'),
                    limits=(5, 50),
                ),
                Number(
                    "Plan time, p99",
                    "From request to answer.",
                    quantile(0.99, "tidegate_plan_seconds"),
                    unit="s",
                    limits=(5, 20),
                ),
                Number(
                    "Failed in 1 h",
                    "Requests that the planner did not answer.",
                    increase("tidegate_plans_failed_total", "1h"),
                    limits=(1, 5),
                ),
            ],
        ),
        Row(
            "Load",
            [
                Panel(
                    "Fullest gateway",
                    "Load over capacity, the fullest gateway and resource of each process.",
                    [Query(worst("tidegate_gateway_utilisation_max_ratio", "instance"), "{{instance}}")],
                    unit="percentunit",
                    limits=(0.8, 1.0),
                    width=12,
                ),
                Panel(
                    "Headroom without one gateway",
                    "Capacity left free if the worst one failed and the others carried all of it, whoever may reach whom; "
                    "below 0 not all devices would be served.",
                    [Query(least("tidegate_headroom_without_one_ratio", "instance"), "{{instance}}")],
                    unit="percentunit",
                    least=None,
                    width=12,
                ),
                Panel(
                    "Assignments granted and taken away",
                    "Per hour, by what they say: a gateway serves the device, or nobody does. And grants that follow what their "
                    "device asks.",
                    [
                        Query(f"3600 * {rate('tidegate_assignments_total', 'phase')}", "{{phase}}"),
                        Query(f"3600 * {rate('tidegate_grants_renewed_total')}", "grant set anew"),
                    ],
                    width=12,
                ),
                Panel(
                    "Moves",
                    "Devices moved by plans that were applied or halted, per hour.",
                    [Query(f"3600 * {rate('tidegate_moves_total', 'trigger')}", "{{trigger}}")],
                    width=12,
                ),
                Panel(
                    "Unserved devices",
                    "No gateway in reach has room, or nobody has planned yet: the site's plan says why.",
                    [Query(total("tidegate_unserved_devices"), "unserved")],
                    width=12,
                ),
                Panel(
                    "Devices at the limit of what they are given",
                    "They use all of some resource that they are given and may need more: what is said of that resource is a "
                    "lower bound. Or they are granted less than they ask, since their gateway has no more.",
                    [
                        Query(total("tidegate_censored_devices"), "at their limit"),
                        Query(total("tidegate_short_devices"), "granted less than they ask"),
                    ],
                    width=12,
                ),
            ],
        ),
        Row(
            "Plans",
            [
                Panel(
                    "Facts in the life of plans",
                    "By status.",
                    [Query(f"60 * {rate('tidegate_decisions_total', 'status')}", "{{status}}")],
                    unit="opm",
                ),
                Panel(
                    "Plans applied, by trigger",
                    "Why devices moved.",
                    [Query(f"60 * {rate('tidegate_decisions_total', 'trigger', _APPLIED)}", "{{trigger}}")],
                    unit="opm",
                    stacked=True,
                ),
                Panel(
                    "Plan time",
                    "From request to answer; at its limit the planner is replaced.",
                    quantiles("tidegate_plan_seconds"),
                    unit="s",
                ),
            ],
        ),
    ],
)
