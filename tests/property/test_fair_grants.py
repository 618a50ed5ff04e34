"""Grants renewed in place: never more than a gateway has, fair where it is short, at rest when nothing changes."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.contracts.topology import DevicePlacement, Gateway, Topology
from tidegate.core.allocation.arrays import Float64, Int64
from tidegate.core.allocation.by_gateway import totals
from tidegate.core.allocation.frame import Frame, frame_of
from tidegate.core.allocation.granted import Granted
from tidegate.core.allocation.renewal import Claims, renewed
from tidegate.core.allocation.sharing import shared_out

DEADBAND, ROUNDING = 0.05, 1e-6
RESOURCES = ("cpu_millicores", "devices")
AMOUNTS = st.sampled_from([0.0, 0.25, 1.0, 1.02, 2.0, 7.0, 40.0, 1000.0])


def water_filled(asked: Float64, weight: Float64, room: float) -> Float64:
    """Max-min by its definition: raise the water a little at a time, until all have what they ask or nothing is left."""
    given = np.zeros_like(asked)
    while (thirsty := np.flatnonzero(given < asked)).size:
        rise = min(room / weight[thirsty].sum(), ((asked - given)[thirsty] / weight[thirsty]).min())
        given[thirsty] = np.minimum(asked[thirsty], given[thirsty] + rise * weight[thirsty])
        room -= rise * weight[thirsty].sum()
        given[thirsty] = np.where(asked[thirsty] - given[thirsty] <= 1e-12 * asked[thirsty], asked[thirsty], given[thirsty])
        if room <= 1e-12:
            break
    return given


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_shares_are_those_of_rising_water(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    asked = np.array(data.draw(st.lists(AMOUNTS, min_size=count, max_size=count)))
    weight = np.array(data.draw(st.lists(st.sampled_from([0.001, 0.5, 1.0, 3.0, 1e6]), min_size=count, max_size=count)))
    gateway = np.array(data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), np.int64)
    room = np.array(data.draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0, 10.0, 500.0, np.inf]), min_size=3, max_size=3)))
    share = shared_out(asked[:, None], weight, gateway, room[:, None])[:, 0]
    for index, has in enumerate(room):
        here = gateway == index
        expected = asked[here] if np.isinf(has) else water_filled(asked[here], weight[here], max(0.0, has))
        assert np.allclose(share[here], expected, rtol=1e-6, atol=1e-9)


@dataclass
class Books:
    """Devices on three gateways, what they ask and use, and what they are granted."""

    frame: Frame
    granted: Granted
    claims: Claims
    coming: Float64

    def totals(self) -> Float64:
        return self.coming + totals(self.granted.amount, self.granted.gateway, 3)

    def renew(self) -> Int64:
        found = renewed(self.frame, self.granted, self.claims, self.granted.stays, self.coming, DEADBAND)
        amount = self.granted.amount.copy()
        amount[found.rows] = found.amount
        self.granted = replace(self.granted, amount=amount)
        return found.rows


@st.composite
def books(draw: st.DrawFn) -> Books:
    count = draw(st.integers(1, 10))
    capacity = [draw(st.sampled_from([0.0, 1.0, 10.0, 100.0, None])) for _ in range(3)]
    gateways = [Gateway(f"g{n}", {} if has is None else {RESOURCES[0]: has, "devices": 4.0}) for n, has in enumerate(capacity)]
    devices = [DevicePlacement(f"d{n}", "s", priority=draw(st.sampled_from([0.5, 1.0, 4.0]))) for n in range(count)]
    frame = frame_of(Topology("site", 1, gateways, devices), RESOURCES)

    def column() -> Float64:
        return np.array([draw(AMOUNTS) for _ in range(count)])

    ones = np.ones(count)
    places = np.array([draw(st.integers(0, 2)) for _ in range(count)], np.int64)
    stays = np.array([draw(st.sampled_from([True, True, True, False])) for _ in range(count)])
    had = np.array([draw(st.sampled_from([0.0, 1.0])) for _ in range(count)])
    granted = Granted(places, np.ones(count, np.int64), np.stack([column(), had], axis=1), stays)
    coming = np.zeros((3, 2))
    coming[draw(st.integers(0, 2)), 0] = draw(st.sampled_from([0.0, 0.5, 20.0]))
    claims = Claims(np.stack([column(), ones], axis=1), np.stack([column(), ones], axis=1))
    return Books(frame, granted, claims, coming)


@settings(max_examples=300, deadline=None)
@given(books())
def test_no_gateway_grants_more_than_it_has_in_whichever_order_it_reads(site: Books) -> None:
    before, amounts = site.totals()[:, 0], site.granted.amount.copy()
    site.renew()
    rises = totals(np.maximum(site.granted.amount - amounts, 0.0), site.granted.gateway, 3)[:, 0]
    capacity = site.frame.capacity[:, 0]
    assert (before + rises <= np.maximum(capacity, before) * (1 + ROUNDING)).all(), "though nothing was given back yet"
    moved = site.granted.amount[~site.granted.stays] - amounts[~site.granted.stays]
    assert not moved.any(), "who is handed over keeps what it has"


@settings(max_examples=300, deadline=None)
@given(books())
def test_when_nothing_changes_grants_come_to_rest_and_are_what_is_asked_or_fair(site: Books) -> None:
    rounds = 0
    while len(site.renew()):
        rounds += 1
        assert rounds <= 3, "what is taken back, what is given, and what rounding left"
    frame, granted, stays = site.frame, site.granted, site.granted.stays
    kept = site.coming + totals(granted.amount[~stays], granted.gateway[~stays], 3)
    share = shared_out(site.claims.ask[stays], frame.priority[stays], granted.gateway[stays], frame.capacity - kept)[:, 0]
    assert (granted.amount[stays, 0] * (1 + 2 * DEADBAND) + ROUNDING >= share).all()
    capacity, total = frame.capacity[:, 0], site.totals()[:, 0]
    assert (total <= np.maximum(capacity, kept[:, 0]) * (1 + ROUNDING)).all()
    assert (granted.amount[stays, 1] == site.claims.ask[stays, 1]).all(), "places for devices are given whole"


@settings(max_examples=100, deadline=None)
@given(books(), st.sampled_from([1e-3, 1024.0, 1e9]))
def test_another_unit_changes_nothing(site: Books, unit: float) -> None:
    scale = np.array([unit, 1.0])
    other = Books(
        replace(site.frame, capacity=site.frame.capacity * scale),
        replace(site.granted, amount=site.granted.amount * scale),
        Claims(site.claims.ask * scale, site.claims.use * scale),
        site.coming * scale,
    )
    for _ in range(3):
        assert site.renew().tolist() == other.renew().tolist()
        assert np.allclose(site.granted.amount * scale, other.granted.amount, rtol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.floats(1.0, 900.0), st.floats(0.1, 100.0), st.integers(0, 5))
def test_a_device_that_is_held_to_its_grant_gets_what_it_wants_where_there_is_room(wants: float, has: float, others: int) -> None:
    """It is asked of nobody: forecasts believe what is used, and what is used is at most what is granted."""
    names = [DevicePlacement(f"d{n}", "s") for n in range(others + 1)]
    frame = frame_of(Topology("site", 1, [Gateway("g0", {RESOURCES[0]: 1000.0})], names), RESOURCES[:1])
    amount = np.full((others + 1, 1), 1.0)
    amount[0] = min(has, wants)
    granted = Granted(np.zeros(others + 1, np.int64), np.ones(others + 1, np.int64), amount, np.ones(others + 1, np.bool_))
    wish = np.full((others + 1, 1), 1.0)
    wish[0] = wants
    site = Books(frame, granted, Claims(wish, wish), np.zeros((1, 1)))
    for _ in range(40):
        used = np.minimum(wish, site.granted.amount)
        site.claims = Claims(used, used)
        site.renew()
    assert site.granted.amount[0, 0] * (1 + DEADBAND) >= wants
