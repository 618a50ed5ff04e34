"""The few shapes of PromQL that our dashboards ask, each over the jobs chosen on the dashboard."""

from collections.abc import Sequence

from board import Query

_WINDOW = "$__rate_interval"


def series(metric: str, where: str = "") -> str:
    """The series of `metric`, of the chosen jobs; `where` adds matchers."""
    return f'{metric}{{job=~"$job"{"," + where if where else ""}}}'


def total(metric: str, by: str = "", where: str = "") -> str:
    """A gauge's sum over processes."""
    return f"sum{_by(by)}({series(metric, where)})"


def worst(metric: str, by: str = "") -> str:
    """A gauge's highest value over processes."""
    return f"max{_by(by)}({series(metric)})"


def least(metric: str, by: str = "") -> str:
    """A gauge's lowest value over processes."""
    return f"min{_by(by)}({series(metric)})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """A counter's increase per second, summed over processes."""
    return f"sum{_by(by)}(rate({series(metric, where)}[{_WINDOW}]))"


def increase(metric: str, window: str, by: str = "", where: str = "") -> str:
    """A counter's increase over `window`, summed over processes."""
    return f"sum{_by(by)}(increase({series(metric, where)}[{window}]))"


def quantile(share: float, histogram: str, by: str = "") -> str:
    """The value below which `share` of a histogram's observations lie."""
    labels = f"le,{by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', labels)})"


def quantiles(histogram: str, by: str = "", shares: Sequence[float] = (0.5, 0.99)) -> list[Query]:
    """One query for each of `shares`, called p50, p99 and so on."""
    label = f" {{{{{by}}}}}" if by else ""
    return [Query(quantile(share, histogram, by), f"p{100 * share:g}{label}") for share in shares]


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
