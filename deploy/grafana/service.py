"""Dashboard "service": throughput, progress, latency by stage, the process and the door."""

from board import Board, Number, Panel, Query, Row
from promql import increase, quantile, quantiles, rate, series, total, worst

SERVICE = Board(
    uid="tidegate-service",
    title="Tidegate / Service",
    text="Whether Tidegate keeps up, where its time goes, and what holds it up.",
    rows=[
        Row(
            "Now",
            [
                Number("Processes up", "Processes that Prometheus reaches.", total("up")),
                Number("Readings per second", "Scored.", rate("tidegate_readings_total", where='outcome="scored"'), unit="cps"),
                Number(
                    "Messages waiting",
                    "Telemetry messages that no worker has taken yet.",
                    total("tidegate_pending_messages"),
                    limits=(1000, 10_000),
                ),
                Number(
                    "Event time behind",
                    "How far the newest event time is behind the tick, worst partition.",
                    worst("tidegate_event_time_lag_seconds"),
                    unit="s",
                    limits=(60, 300),
                ),
                Number(
                    "Batch, p99",
                    "Decode, score and commit of one batch: the sum of the stages.",
                    f"sum({quantile(0.99, 'tidegate_batch_seconds', 'stage')})",
                    unit="s",
                    limits=(0.5, 2),
                ),
                Number("Memory", "Resident memory of the largest process.", worst("process_resident_memory_bytes"), unit="bytes"),
            ],
        ),
        Row(
            "Progress",
            [
                Panel(
                    "Readings per second",
                    "By outcome.",
                    [Query(rate("tidegate_readings_total", "outcome"), "{{outcome}}")],
                    unit="cps",
                ),
                Panel(
                    "Lag by input",
                    "Records not yet taken. Rising while readings per second stand still: the workers are at their limit.",
                    [Query(total("tidegate_lag_records", "topic"), "{{topic}}")],
                ),
                Panel(
                    "Time to drain",
                    "Until nothing waits, at the present rates. A gap: the lag does not fall, or it is not known yet.",
                    [Query(worst("tidegate_drain_seconds", "topic"), "{{topic}}")],
                    unit="s",
                ),
                Panel(
                    "Event time behind the tick",
                    "By process, worst partition. It also rises when producers fall silent.",
                    [Query(worst("tidegate_event_time_lag_seconds", "instance"), "{{instance}}")],
                    unit="s",
                ),
                Panel(
                    "Ages: what may hang",
                    "Since the loop gave a sign of life, since the last commit, of the open transaction, of a plan nobody "
                    "answers, and of a stranger's transaction that holds an input. The first fails liveness at its bound.",
                    [
                        Query(worst(f"tidegate_{what}_seconds"), what.replace("_", " "))
                        for what in ("turn_age", "commit_age", "transaction_age", "planner_wait", "input_held")
                    ],
                    unit="s",
                    limits=(10, 30),
                ),
                Panel(
                    "Dead letters waiting",
                    "Kept and not replayed, by reason; `tidegate deadletter list` shows them.",
                    [Query(total("tidegate_deadletters_waiting", "reason"), "{{reason}}")],
                ),
            ],
        ),
        Row(
            "Owners",
            [
                Panel(
                    "Partitions by process",
                    "Their sum is the number of partitions; less for longer than a session means that a partition has no owner.",
                    [Query(series("tidegate_partitions_owned"), "{{instance}}")],
                    stacked=True,
                ),
                Panel(
                    "Rebalances and take-overs",
                    "Many without a start or stop of ours: processes stand still for longer than their session.",
                    [
                        Query(increase("tidegate_rebalances_total", "5m"), "rebalances"),
                        Query(increase("tidegate_takeovers_total", "5m"), "take-overs"),
                    ],
                ),
                Panel(
                    "Refused commits, failed batches",
                    "A refused commit is exactly once at work. A failed batch is a bug or a poison: the log has the traceback.",
                    [
                        Query(increase("tidegate_fenced_total", "5m"), "refused"),
                        Query(increase("tidegate_batches_failed_total", "5m"), "failed"),
                    ],
                ),
                Panel(
                    "Partitions nobody answers for",
                    "Whose live state a door without workers cannot get: a worker is down, restores, or is not in `api.workers`.",
                    [Query(worst("tidegate_partitions_unanswered", "instance"), "{{instance}}")],
                    limits=(1,),
                ),
            ],
        ),
        Row(
            "Where the time goes",
            [
                Panel(
                    "Batch by stage",
                    "Time of one batch: decode, core, commit.",
                    quantiles("tidegate_batch_seconds", "stage"),
                    unit="s",
                ),
                Panel(
                    "Share of time by stage",
                    "Seconds spent in each second. A sum near 1 for each partition: no time is left.",
                    [Query(rate("tidegate_batch_seconds_sum", "stage"), "{{stage}}")],
                    unit="percentunit",
                    stacked=True,
                ),
                Panel(
                    "Readings per batch",
                    "Large batches mean that the workers catch up.",
                    [Query(f"{rate('tidegate_batch_readings_sum')} / {rate('tidegate_batch_readings_count')}", "mean")],
                ),
            ],
        ),
        Row(
            "Process",
            [
                Panel("Memory", "Resident.", [Query(series("process_resident_memory_bytes"), "{{instance}}")], unit="bytes"),
                Panel("CPU", "Cores in use.", [Query(rate("process_cpu_seconds_total", "instance"), "{{instance}}")]),
                Panel("Open files", "Files and sockets.", [Query(series("process_open_fds"), "{{instance}}")]),
            ],
        ),
        Row(
            "Recovery and bundles",
            [
                Panel(
                    "Batches replayed",
                    "From the journal, at starts and when partitions move.",
                    [Query(increase("tidegate_replayed_batches_total", "5m", "instance"), "{{instance}}")],
                ),
                Panel(
                    "Time since the process started",
                    "A saw-tooth is a process that keeps falling over.",
                    [Query(f"time() - {series('process_start_time_seconds')}", "{{instance}}")],
                    unit="s",
                ),
                Panel(
                    "Age of bundles",
                    "Since each that serves was made. Old is not wrong: look at the rarity of readings before training anew.",
                    [
                        Query(
                            f"time() - max by (bundle, version) ({series('tidegate_bundle_created_timestamp_seconds')})",
                            "{{bundle}}/{{version}}",
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "Bundles in service",
                    "Processes by bundle. Two versions of one name: a roll-out is under way.",
                    [
                        Query(
                            f"count by (bundle, version, digest) ({series('tidegate_bundle_info')})",
                            "{{bundle}}/{{version}} {{digest}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "History",
            [
                Panel(
                    "Behind the topics",
                    "For how long an api's history has not been level with the topics; what REST says of facts is as old.",
                    [Query(worst("tidegate_history_behind_seconds", "instance"), "{{instance}}")],
                    unit="s",
                    limits=(10, 60),
                ),
                Panel(
                    "Records written",
                    "And rows deleted for their age.",
                    [
                        Query(rate("tidegate_history_records_total"), "written"),
                        Query(rate("tidegate_history_pruned_rows_total"), "deleted"),
                    ],
                    unit="cps",
                ),
                Panel(
                    "Time of a transaction",
                    "From its begin to its commit; the database's disk, or somebody who locks it.",
                    quantiles("tidegate_history_write_seconds"),
                    unit="s",
                ),
                Panel(
                    "Rounds that failed",
                    "By the code of the error; nothing is lost, they are tried again.",
                    [Query(f"{increase('tidegate_history_failures_total', '5m', 'code')} or vector(0)", "{{code}}")],
                ),
            ],
        ),
        Row(
            "The door",
            [
                Panel(
                    "Requests",
                    "By status: 4xx is the caller's doing, 5xx ours or the log's.",
                    [Query(rate("tidegate_http_requests_total", "status"), "{{status}}")],
                    unit="reqps",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Turned away",
                    "401: no credential that counts, 403: not allowed, 429: too often. One address often: somebody guesses.",
                    [
                        Query(
                            rate("tidegate_http_requests_total", "status", 'status=~"401|403|429"') + " or vector(0)",
                            "{{status}}",
                        )
                    ],
                    unit="reqps",
                    width=12,
                ),
                Panel(
                    "Request, p99",
                    "Until the answer was sent, of all routes together.",
                    quantiles("tidegate_http_request_seconds"),
                    unit="s",
                    width=12,
                ),
                Panel(
                    "Slowest routes",
                    "p99 of the five slowest.",
                    [Query(f"topk(5, {quantile(0.99, 'tidegate_http_request_seconds', 'route')})", "{{route}}")],
                    unit="s",
                    width=12,
                ),
            ],
        ),
    ],
)
