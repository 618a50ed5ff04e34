"""EUA: edge servers and users with coordinates (Melbourne), and a topology that puts recorded demand on that map.

The set has places and neither demand nor capacity; those come from other data, and figures made with it are trace-driven.
Source: Lai et al., ICSOC 2018, https://github.com/swinedge/eua-dataset.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidegate.contracts.ids import GatewayId, ProfileName, SiteId
from tidegate.contracts.profile import Profile
from tidegate.contracts.topology import Gateway, Topology
from tidegate.errors import InputError
from tidegate.fleet.placement import Placed, topology_of
from tidegate.fleet.readers.tables import Table, read_csv
from tidegate.fleet.series import Series
from tidegate.fleet.sizing import HEADROOM, even_capacity, peak_demand

RADIUS_KM = 0.45
"""Kilometres a server reaches; assumed, the set has none. With 12 of the servers half of the generated users then see three
or more and one in eight sees one, so that geometry limits planning without deciding it. (All 125 overlap at 0.15 already.)"""

MOST_LINKS = 8
"""Servers a device may choose among: the nearest ones."""

KM_PER_DEGREE = 111.195
"""Kilometres of one degree of latitude on a sphere of 6,371 km."""

Degrees = NDArray[np.float64]
"""Latitude and longitude, float64 [N, 2]."""


def read_servers(path: Path) -> tuple[list[str], Degrees]:
    """Site ids and places of an edge-server file (`SITE_ID, LATITUDE, LONGITUDE, …`).

    Raises:
        InputError: malformed, or a place is missing or not on Earth; names file and row.
    """
    table = read_csv(path)
    return table.text("SITE_ID"), _degrees(table, "LATITUDE", "LONGITUDE")


def read_users(path: Path) -> Degrees:
    """Places of a user file (`Latitude, Longitude`, other columns ignored). Raises as `read_servers`."""
    return _degrees(read_csv(path), "Latitude", "Longitude")


def find_eua(folder: Path) -> tuple[Path, Path]:
    """The edge-server file and the generated users' file below `folder`.

    Raises:
        InputError: one of them is not there.
    """
    return _only(folder, "edge-servers", "*.csv"), _only(folder, "users", "users-melb*.csv")


def eua_topology(
    folder: Path,
    series: Sequence[Series],
    profiles: Mapping[ProfileName, Profile],
    *,
    site: SiteId,
    revision: int = 1,
    gateways: int = 12,
    headroom: float = HEADROOM,
    radius_km: float = RADIUS_KM,
    random_state: int = 7,
) -> Topology:
    """A topology with gateways at `gateways` of the servers' places and the devices of `series` at users' places.

    Servers are spread out greedily (each the farthest from those taken, from the most central one on); users are drawn without
    repeats by `random_state`. Capacity is `sizing.even_capacity` over the recorded peaks with `headroom`. A device reaches the
    servers within `radius_km`, always the nearest, at most `MOST_LINKS`; latency and cost grow with distance (`placement`).

    Raises:
        InputError: the folder is not the data set, or has too few servers or users.
    """
    servers, users = find_eua(folder)
    names, server_degrees = read_servers(servers)
    user_degrees = read_users(users)
    _enough("servers", len(names), gateways, servers)
    _enough("users", len(user_degrees), len(series), users)
    origin = server_degrees.mean(axis=0)
    server_km, user_km = to_plane_km(server_degrees, origin), to_plane_km(user_degrees, origin)
    chosen = spread_out(server_km, gateways)
    homes = user_km[np.random.default_rng(random_state).choice(len(user_km), len(series), replace=False)]
    devices = [_placed(one, profiles[one.profile], place) for one, place in zip(series, homes, strict=True)]
    capacity = even_capacity([device.peak for device in devices], gateways, headroom)
    gateway_list = [Gateway(GatewayId(f"eua-{names[index]}"), capacity) for index in chosen]
    return topology_of(site, revision, gateway_list, server_km[chosen], devices, radius_km=radius_km, most_links=MOST_LINKS)


def to_plane_km(degrees: Degrees, origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places as kilometres east and north of `origin`, float64 [N, 2]; flat, good to 0.1 % within a city."""
    north_km = (degrees[:, 0] - origin[0]) * KM_PER_DEGREE
    east_km = (degrees[:, 1] - origin[1]) * KM_PER_DEGREE * np.cos(np.radians(origin[0]))
    return np.column_stack([east_km, north_km])


def spread_out(places_km: NDArray[np.float64], count: int) -> list[int]:
    """Indices of `count` places far from each other: the most central one, then each time the one farthest from those taken."""
    chosen = [int(np.argmin(np.hypot(*(places_km - places_km.mean(axis=0)).T)))]
    nearest_km = np.hypot(*(places_km - places_km[chosen[0]]).T)
    while len(chosen) < count:
        chosen.append(int(np.argmax(nearest_km)))
        nearest_km = np.minimum(nearest_km, np.hypot(*(places_km - places_km[chosen[-1]]).T))
    return chosen


def _placed(series: Series, profile: Profile, place_km: NDArray[np.float64]) -> Placed:
    peak = peak_demand(profile, series.metrics, series.values)
    return Placed(series.device, series.profile, float(place_km[0]), float(place_km[1]), peak, profile.binding)


def _degrees(table: Table, latitude: str, longitude: str) -> Degrees:
    degrees = np.column_stack([table.numbers(latitude), table.numbers(longitude)])
    wrong = np.flatnonzero(~((np.abs(degrees) <= np.array([90.0, 180.0])).all(axis=1)))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            f"{table.path}: row {row + 2}: place is {degrees[row].tolist()}, expected latitude and longitude in degrees"
        )
    return degrees


def _only(folder: Path, below: str, pattern: str) -> Path:
    found = sorted((folder / below).glob(pattern))
    if not found:
        raise InputError(f"{folder}: no {below}/{pattern}, expected the folder of the EUA data set")
    return found[0]


def _enough(what: str, there: int, wanted: int, path: Path) -> None:
    if not 1 <= wanted <= there:
        raise InputError(f"{path}: {there} {what}, wanted {wanted}")
