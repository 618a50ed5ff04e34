"""What a reader of the results must know to judge them; stands on their page."""

from typing import Final

NOTES: Final = (
    "Workers are `tidegate serve` processes with everyday settings, except that snapshots come every 1,500 readings and nothing "
    "is trimmed, so that the whole log can be judged. Who ends is started again; the first also serves the API. One broker, "
    "four partitions; workers and producer reach it through a proxy. Half of the device profiles have a lateness horizon, and "
    "half of the messages are packed.",
    "A fault's kind, length, target and moment are drawn from the run's seed. Moments are bound to the input: so many messages "
    "after everything was recovered; one in five strikes while an earlier one's damage is under way. Each run's strikes are in "
    "the JSON file. What is wrong with the input (duplicated, reordered, late, malformed messages) is counted apart, and not "
    "among the faults.",
    "lost: inputs that the workers passed over or set aside, or outputs of the truth that are missing. doubled: inputs taken "
    "twice, outputs or ids of facts standing twice. differing_outputs: outputs that the truth has not, or in another order. "
    "differing_state: partitions whose state, restored as a start restores it, has another digest than the truth. Some "
    "runs deliver at least once: there outputs may be repeated, the same to the byte, and only others count as doubled.",
    "double_owner: journal sequences that do not go on by one, and record batches of an earlier producer after a later one's. "
    "contradicting_decisions: a plan with two digests, a device with two gateways in one epoch or two grants at one moment. "
    "unbalanced: readings on the topic against readings received and accounted for. waiting: messages not taken when a run was "
    "given up. complaints: tracebacks in a log, unexpected exit codes, no recovery within four minutes.",
    "The truth is the run's own journal stepped through in one go, from the first batch on, without snapshot or stop, and "
    "compared record by record and byte by byte. A second live run is no better truth: the ticks of its batches are the "
    "clock's, and so would differ with whatever silence, reviews of the allocation and time-outs make of them. That the journal "
    "itself took every input once is checked on the topics, with another reader and without stepping. What this cannot show: "
    "an error in the step itself, which the truth would repeat.",
    "recovery_seconds: from a fault's end (of a kill: its moment) until every partition, also one that was spared, has committed "
    "a batch again, by the broker's time stamps; with others under way, from the end of the last of them. A partition without "
    "input commits a tick each second. stall_seconds: the longest time in which any partition did not commit, from a fault's "
    "beginning to its recovery. A killed process is missed only after its session of 10 s.",
    "rss_growth_mb: the most that a worker that lived for a minute or more grew by in the second half of its life; the fleet is "
    "of constant size. Of the first runs it is since the first thirty seconds, in which a busy machine may not even have loaded "
    "the model: rss_peak_mb, of any process at any time, tells more there.",
    "The checks notice what they are for: with facts committed in a transaction of their own just before the journal's, a change "
    "made to see this, ten faults of seed 702 gave 58 doubled and 3 topics in another order. At least once, `repeated` counts "
    "what exactly once would be doubled.",
    "Found by earlier runs and mended before these: tracebacks where a producer was given up with a batch to repeat or refused "
    "while it closed (seeds 2, 3, 201), a flood of aiokafka's log lines while a broker was away, and a group that threw members "
    "out while they restored, until no partition was worked for four minutes (seed 203, which holds since).",
    "Found by these runs: a worker whose producer was fenced between two steps of a commit ended with a traceback instead of "
    "taking over again (seed 702, both of its complaints; nothing was lost, mended since). The complaint of seed 601 is a "
    "SIGTERM that met a process before it could listen to it, and none any more.",
    "The machine was busy with other work throughout (load 15 to 30 on two cores), which lengthens recoveries: starting a "
    "process takes 2 s when it is idle.",
)
