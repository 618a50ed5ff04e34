"""Classifiers as the service uses them: test blocks of flow records as the traffic of devices, through its own core.

Of every attack class one device: ordinary records, then the class's whole test block, then ordinary ones again. The ordinary
records are the test blocks of the ordinary classes, in file order, dealt out once: no record is seen twice. An event is the block
of an attack, an alarm an anomaly that opens, at the shipped profile's budget. The rival opens one wherever the likeliest class
turns to an attack: the same network, the same records, no evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from tidegate.adapters.onnx import load_model
from tidegate.contracts.anomaly import AnomalyStatus
from tidegate.contracts.configuration import CoreConfiguration
from tidegate.contracts.ids import DeviceId, MetricName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.reading import Reading
from tidegate.core.classifier import Classifier, class_set
from tidegate.core.detection.detection import Detection
from tidegate.errors import BundleError
from tidegate.fleet.readers.rt_iot2022 import NORMAL
from tidegate_training.bundle import MODEL
from tidegate_training.evaluate.classification import RANDOM_STATES, block_split
from tidegate_training.evaluate.events import EventCounts, count_events, poisson_interval
from tidegate_training.evaluate.flow_table import Float64, FlowTable, Int64
from tidegate_training.evaluate.progress import Report
from tidegate_training.evaluate.scoring import service_configuration, universal_forecaster
from tidegate_training.flows.bundle import INT8, write_flow_manifest
from tidegate_training.flows.classifier import TrainedClassifier, train_classifier
from tidegate_training.flows.export import FlowSession, export_flow_graph, largest_difference, quantise
from tidegate_training.flows.settings import FlowSettings

PROFILE: Final = "rt-iot2022-flows"
BUNDLE: Final = "flows"
PARITY_RECORDS: Final = 256
START_MS: Final = 1_700_000_000_000
"""Unix milliseconds of every device's first record; any will do."""

LEAST_ROWS: Final = 50
"""Rows a class needs to be left out of training as the attack nobody knows."""

MOST_STRANGE: Final = 300
MOST_CALM: Final = 300
"""Records of such an attack, and of ordinary ones before and after it, at most."""

NOTES: Final = (
    "streams: test blocks of five random states through the service's core, as flows of devices: for every attack class ordinary "
    "records, its whole test block, ordinary records. Precision, recall and false alarms are of openings, pooled over devices "
    "and states; a class with a single test row is an event of one record. The profile's budget is the shipped one. rival: an "
    "alarm wherever the likeliest class turns to an attack. How much a record of no class counts was chosen on a replay of the "
    "whole set; counting it in full, the streams had one false alarm.",
    "streams_of_unknown_attacks: one attack class left out of training, random state 0, its records between 600 ordinary test "
    "records; told_as is what the service calls it, necessarily another class or unknown.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The records of one device: rows of the table, and which of them are of the attack."""

    attack: str
    rows: Int64
    labels: Int64


def streams(table: FlowTable, test: Int64, normal: Sequence[str] = NORMAL) -> list[Stream]:
    """Deal the rows of the test part out to devices, one for each attack class that has any."""
    ordinary = np.isin(table.class_names, normal)
    calm = test[ordinary[table.classes[test]]]
    attacks = [index for index in np.unique(table.classes[test]).tolist() if not ordinary[index]]
    made = []
    for index, share in zip(attacks, np.array_split(calm, max(len(attacks), 1)), strict=True):
        before, after = np.array_split(share, 2)
        attack = test[table.classes[test] == index]
        rows = np.concatenate([before, attack, after])
        made.append(Stream(table.class_names[index], rows, (table.classes[rows] == index).astype(np.int64)))
    return made


def stream_figures(
    table: FlowTable,
    settings: FlowSettings,
    random_states: Sequence[int] = RANDOM_STATES,
    report: Report = lambda *_: None,
) -> dict[str, Any]:
    """Event figures of the service and of the rival, pooled over `random_states`, and by attack class how many were found."""
    counts: dict[str, list[tuple[str, EventCounts]]] = {"tidegate": [], "rival": []}
    calm = named = found = 0
    for done, state in enumerate(random_states, 1):
        train, test = block_split(table.classes, state)
        own = replace(settings, random_state=state)
        trained = train_classifier(table.features[train], table.classes[train], table.feature_names, len(table.class_names), own)
        dealt = streams(table, test)
        with TemporaryDirectory(prefix="tidegate-flows-") as folder:
            classifier = shipped(trained, table, train, own, Path(folder) / BUNDLE / "1")
            said = watched(table, dealt, classifier)
            plain = turned(table, dealt, classifier)
        for stream, (opened, names), turns in zip(dealt, said, plain, strict=True):
            for name, alarms in (("tidegate", opened), ("rival", turns)):
                counts[name].append((stream.attack, count_events(alarms, stream.labels, interval_seconds=1.0)))
            calm += int((stream.labels == 0).sum())
            hits = [name for row, name in zip(opened, names, strict=True) if stream.labels[row]]
            found, named = found + bool(hits), named + (stream.attack in hits[:1])
        report("streams", done, len(random_states))
    figures = {name: _pooled([each for _, each in of], calm) for name, of in counts.items()}
    figures["tidegate"]["first_named_right"] = named / max(found, 1)
    return {"streams": figures, "streams_found_by_class": _by_class(counts)}


def unknown_attack_figures(
    table: FlowTable, settings: FlowSettings, random_state: int = 0, report: Report = lambda *_: None
) -> dict[str, dict[str, Any]]:
    """Of each attack class with enough rows, left out of training: whether the service tells it between ordinary test records,
    as which class, after how many records, and how often it alarms on those ordinary records."""
    train, test = block_split(table.classes, random_state)
    ordinary = np.isin(table.class_names, NORMAL)
    calm, rows = test[ordinary[table.classes[test]]], np.bincount(table.classes, minlength=len(table.class_names))
    chosen = [int(index) for index in np.flatnonzero(~ordinary & (rows >= LEAST_ROWS))]
    found = {}
    for done, index in enumerate(chosen, 1):
        attack = np.flatnonzero(table.classes == index)[:MOST_STRANGE]
        around = np.concatenate([calm[:MOST_CALM], attack, calm[MOST_CALM : 2 * MOST_CALM]])
        stream = Stream(table.class_names[index], around, (table.classes[around] == index).astype(np.int64))
        rest = _without(table, index)
        kept = train[table.classes[train] != index]
        own = replace(settings, random_state=random_state)
        trained = train_classifier(rest.features[kept], rest.classes[kept], rest.feature_names, len(rest.class_names), own)
        with TemporaryDirectory(prefix="tidegate-flows-") as folder:
            classifier = shipped(trained, rest, kept, own, Path(folder) / BUNDLE / "1")
            ((opened, names),) = watched(rest, [stream], classifier)
        found[stream.attack] = _strange(stream, opened, names, float(trained.unknown(table.features[attack]).mean()))
        report("attacks left out", done, len(chosen))
    return found


def _without(table: FlowTable, index: int) -> FlowTable:
    """`table` with one class fewer; its rows stay, and must not be trained on: their class is not theirs."""
    names = tuple(name for place, name in enumerate(table.class_names) if place != index)
    return replace(table, class_names=names, classes=table.classes - (table.classes > index))


def _strange(stream: Stream, opened: Sequence[int], names: Sequence[str | None], unknown: float) -> dict[str, Any]:
    hits = [place for place, row in enumerate(opened) if stream.labels[row]]
    first = hits[0] if hits else None
    return {
        "records": int(stream.labels.sum()),
        "called_unknown": unknown,
        "told": len(hits) > 0,
        "told_as": None if first is None else names[first],
        "delay_records": None if first is None else opened[first] - int(stream.labels.argmax()),
        "false_alarms": len(opened) - len(hits),
    }


def shipped(trained: TrainedClassifier, table: FlowTable, train: Int64, settings: FlowSettings, folder: Path) -> Classifier:
    """`trained` as the service would load it: written as a bundle, and read back with every check.

    Raises:
        BundleError: it does not pass them.
    """
    folder.mkdir(parents=True)
    records = table.features[train]
    export_flow_graph(trained.graph(), records.shape[1], folder / MODEL)
    quantise(folder / MODEL, np.random.default_rng(0).permutation(records), folder / INT8)
    difference = largest_difference(trained.graph(), FlowSession(folder / MODEL), records[:PARITY_RECORDS])
    normal = [name for name in NORMAL if name in table.class_names]
    write_flow_manifest(
        folder,
        table,
        trained,
        settings,
        normal=normal,
        version="1",
        command="tidegate evaluate classifier",
        figures={"parity_max_abs": difference},
    )
    model = load_model(folder)
    if not isinstance(model, Classifier):
        raise BundleError(f"bundle {folder} is of task {model.manifest.task}", advice="train it again")
    return model


def watched(table: FlowTable, dealt: Sequence[Stream], classifier: Classifier) -> list[tuple[list[int], list[str | None]]]:
    """Of each device the records at which an anomaly opened, and the class it named."""
    profile = replace(service_configuration().profiles[PROFILE], bundle=BUNDLE)
    configuration = CoreConfiguration({PROFILE: profile})
    detection = Detection(configuration, {"universal": universal_forecaster(), BUNDLE: classifier})
    found: list[tuple[list[int], list[str | None]]] = [([], []) for _ in dealt]
    for place in range(max(len(stream.rows) for stream in dealt)):
        result = detection.observe(list(_readings(table, dealt, place, profile)), START_MS + 1000 * place)
        for fact in result.anomalies:
            if fact.status is AnomalyStatus.OPENED:
                opened, names = found[int(fact.device)]
                opened.append(place)
                names.append(fact.class_name)
    return found


def turned(table: FlowTable, dealt: Sequence[Stream], classifier: Classifier) -> list[list[int]]:
    """Of each device the records at which the likeliest class turns to an attack."""
    attacks, found = class_set(classifier.manifest).attacks, []
    for stream in dealt:
        attack = attacks[classifier.classify(table.features[stream.rows]).probabilities.argmax(axis=1)]
        found.append(np.flatnonzero(attack & ~np.concatenate([[False], attack[:-1]])).tolist())
    return found


def _readings(table: FlowTable, dealt: Sequence[Stream], place: int, profile: Profile) -> Iterator[Reading]:
    names = [MetricName(name) for name in table.feature_names]
    for number, stream in enumerate(dealt):
        if place < len(stream.rows):
            values = _values(table.features[stream.rows[place]])
            metrics = dict(zip(names, values, strict=True))
            yield Reading(SiteId("evaluation"), DeviceId(f"{number}"), profile.name, START_MS + 1000 * place, metrics)


def _values(row: Float64) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


def _pooled(counts: Sequence[EventCounts], calm: int) -> dict[str, float]:
    total = sum(counts, EventCounts())
    low, high = poisson_interval(total.false_alarms, calm / 1000.0)
    return {
        "events": total.events,
        "precision": total.precision,
        "recall": total.recall,
        "f1": total.f1,
        "false_alarms": total.false_alarms,
        "ordinary_records": calm,
        "false_alarms_per_1000_records": 1000.0 * total.false_alarms / max(calm, 1),
        "false_alarms_low": low,
        "false_alarms_high": high,
        "delay_median_records": float(np.median(total.delays)) if total.delays else float("nan"),
    }


def _by_class(counts: dict[str, list[tuple[str, EventCounts]]]) -> dict[str, dict[str, float]]:
    names = dict.fromkeys(attack for attack, _ in counts["tidegate"])
    return {
        attack: {
            who: sum(each.detected for name, each in of if name == attack) / sum(name == attack for name, _ in of)
            for who, of in counts.items()
        }
        for attack in names
    }
