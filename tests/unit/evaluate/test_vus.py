"""VUS-PR against a plain walk over its definition, and against what must hold for any ranking metric."""

import math

import numpy as np
import pytest

from tidegate_training.evaluate.vus import vus_pr


def plain_vus_pr(surprise, labels, buffer, thresholds):
    """The definition, threshold by threshold and reading by reading."""
    n = len(labels)
    starts = [t for t in range(n) if labels[t] and (t == 0 or not labels[t - 1])]
    ends = [t + 1 for t in range(n) if labels[t] and (t == n - 1 or not labels[t + 1])]
    descending = sorted(surprise, reverse=True)
    cuts = [descending[int(i)] for i in np.linspace(0, n - 1, thresholds)]
    areas = []
    for width in range(buffer + 1):
        faded = [float(bool(label)) for label in labels]
        for start, end in zip(starts, ends, strict=True):
            for distance in range(1, width // 2 + 1):
                for t in (start - distance, end - 1 + distance):
                    if 0 <= t < n:
                        faded[t] = min(1.0, faded[t] + math.sqrt(1 - distance / width))
        groups = []
        for start, end in zip(starts, ends, strict=True):
            first, last = max(0, start - width // 2), min(n, end + width // 2)
            if groups and first < groups[-1][1]:
                first = groups.pop()[0]
            groups.append((first, last))
        area, recall_before = 0.0, 0.0
        for cut in cuts:
            alarmed = [t for t in range(n) if surprise[t] >= cut]
            hits = sum(faded[t] for t in alarmed)
            in_buffer = sum(faded[t] for t in alarmed if not labels[t])
            positives = sum(map(bool, labels)) + in_buffer / 2
            existence = sum(any(first <= t < last for t in alarmed) for first, last in groups) / len(groups)
            recall = min(hits / positives, 1.0) * existence
            area += (recall - recall_before) * hits / len(alarmed)
            recall_before = recall
        areas.append(area)
    return sum(areas) / len(areas)


@pytest.mark.parametrize("random_state", range(8))
def test_it_equals_a_plain_walk_over_the_definition(random_state):
    random = np.random.default_rng(random_state)
    labels = np.zeros(90, dtype=int)
    for start in random.integers(0, 88, size=4):
        labels[start : start + random.integers(1, 9)] = 1
    surprise = np.round(random.random(90) + labels * random.random(90), 2 if random_state % 2 else 1)
    assert vus_pr(surprise, labels, buffer=11, thresholds=40) == pytest.approx(
        plain_vus_pr(surprise.tolist(), labels.tolist(), 11, 40), abs=1e-12
    )


def test_it_agrees_with_the_reference_package_on_a_frozen_case():
    # Computed once with TSB-AD 1.5 (generate_curve, version 'opt', thre=250, slidingWindow=20).
    random = np.random.default_rng(7)
    labels = np.zeros(600, dtype=int)
    labels[[*range(100, 130), *range(300, 305), *range(470, 500)]] = 1
    surprise = random.random(600) + 0.4 * labels
    assert vus_pr(surprise, labels, buffer=20) == pytest.approx(0.6357602763326172, abs=1e-12)


def test_a_perfect_ranking_is_worth_one_without_buffers_and_constant_surprise_about_the_labelled_share():
    labels = np.zeros(1000, dtype=int)
    labels[400:500] = 1
    assert vus_pr(labels, labels, buffer=0) == pytest.approx(1.0)
    assert vus_pr(np.ones(1000), labels, buffer=0) == pytest.approx(0.1)


def test_a_monotone_transformation_changes_nothing():
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1, 0, 1, 0], 40)
    surprise = random.random(200)
    assert vus_pr(np.exp(5 * surprise), labels) == vus_pr(surprise, labels)


def test_a_surprise_slightly_too_late_still_counts_and_one_far_off_does_not():
    labels = np.zeros(1000, dtype=int)
    labels[500:510] = 1
    late, far = np.zeros(1000), np.zeros(1000)
    late[512:522] = 1.0
    far[100:110] = 1.0
    assert vus_pr(late, labels) > 5 * vus_pr(far, labels)


def test_readings_without_a_score_rank_below_all_others():
    labels = np.repeat([0, 1], 50)
    surprise = np.where(labels == 1, 1.0, np.nan)
    assert vus_pr(surprise, labels, buffer=0) == pytest.approx(1.0)


@pytest.mark.parametrize("labels", [np.zeros(10), np.ones(10)])
def test_it_is_undefined_when_there_is_nothing_to_rank(labels):
    assert math.isnan(vus_pr(np.arange(10.0), labels))


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="expected the same"):
        vus_pr([1.0, 2.0], [0, 1, 0])
