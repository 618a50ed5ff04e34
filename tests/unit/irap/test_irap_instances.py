"""Instances are the same every time and refuse costs that are none."""

import numpy as np
import pytest

from tidegate.errors import InputError
from tidegate_training.study.irap.instance import SIZES, Instance, make_instance
from tidegate_training.study.irap.study import run_study

SQUARE = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("name", SIZES)
def test_a_data_set_has_the_papers_size_and_is_the_same_every_time(name):
    one, other = make_instance(name), make_instance(name)
    assert (one.gateways, one.resources) == SIZES[name]
    assert (one.access == other.access).all() and (one.between == other.between).all()
    assert one.capacity * one.gateways >= one.resources


@pytest.mark.parametrize(
    ("between", "access"),
    [
        (np.zeros((1, 1)), np.ones((1, 3))),
        (np.zeros((0, 0)), np.ones((0, 3))),
        (SQUARE, np.ones((2, 0))),
        (SQUARE, np.ones((3, 4))),
        (SQUARE, np.ones(2)),
        (SQUARE, np.array([[1.0, np.nan], [1.0, 1.0]])),
        (SQUARE, np.array([[1.0, np.inf], [1.0, 1.0]])),
        (SQUARE, np.array([[1.0, -1.0], [1.0, 1.0]])),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), np.ones((2, 3))),
        (np.eye(2), np.ones((2, 3))),
    ],
    ids=["one gateway", "none", "no resource", "shapes", "not a table", "nan", "infinite", "negative", "asymmetric", "to itself"],
)
def test_an_instance_that_makes_no_sense_is_refused(between, access):
    with pytest.raises(InputError):
        Instance(between, access)


def test_an_unknown_data_set_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="DS9") as refused:
        make_instance("DS9")
    assert "DS8" in str(refused.value.advice)


def test_a_study_of_nothing_is_refused():
    with pytest.raises(InputError, match="no data set"):
        run_study([], random_states=1, evaluations=10, report=lambda *_: None)
