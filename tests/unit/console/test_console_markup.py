"""Whatever an identifier holds, the console shows it as text."""

from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tidegate.api import examples
from tidegate.console import device_markup, fleet_markup
from tidegate.console.markup import Markup, address, device_link, joined
from tidegate.console.survey import Cell, GatewayMap
from tidegate.contracts.anomaly import DeviceState, Severity

NASTY = "<img src=x onerror=alert(1)> \"'&{}"


class Parsed(HTMLParser):
    """Tags, attributes and text of some HTML, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_link_to_a_device_is_one_link_whatever_the_ids_hold(site: str, device: str) -> None:
    parsed = Parsed(device_link(site, device))
    assert parsed.tags == ["a"]
    assert [name for name, _ in parsed.attributes] == ["href"]


def test_text_among_html_is_escaped_and_html_is_not() -> None:
    assert joined([NASTY, Markup("<b>{}</b>").format(NASTY)], "<").count("<") == 2
    assert Parsed(joined([NASTY])).tags == []


def test_a_device_that_uses_all_that_it_is_given_is_said_to() -> None:
    told = replace(examples.EXPLANATION, device=replace(examples.DEVICE, censored=["cpu_millicores", NASTY]))
    page = device_markup.state("s", "d", told, None)
    assert f"cpu_millicores, {NASTY}" in Parsed(page).words
    assert "uses all it is given" in page
    assert "uses all it is given" not in device_markup.state("s", "d", examples.EXPLANATION, None)


def test_an_address_encodes_what_it_asks_for_and_leaves_out_what_is_not_asked() -> None:
    assert address("device", site="a/b", device="c&d?#", nothing=None) == "device?site=a%2Fb&device=c%26d%3F%23"
    assert address("") == "./"


def cells(count: int, state: DeviceState = DeviceState.OK) -> list[Cell]:
    return [Cell(f"{state}-{each:04d}", state, None) for each in range(count)]


def test_a_gateway_of_a_few_devices_shows_each_and_one_of_thousands_those_to_look_at() -> None:
    few = Parsed(fleet_markup.card("s", GatewayMap("g", tuple(cells(240)))))
    assert few.tags.count("a") == 240
    bad = [*cells(3, DeviceState.STALE), Cell("hot", DeviceState.OK, Severity.CRITICAL)]
    many = Parsed(fleet_markup.card("s", GatewayMap("g", tuple(cells(5000) + bad))))
    assert many.tags.count("a") == 4
    assert "and 5,000 more: 5,000 ok" in many.words


def test_a_gateway_where_everything_is_wrong_is_still_bounded() -> None:
    hot = Cell("hot", DeviceState.OK, Severity.HIGH)
    parsed = Parsed(fleet_markup.card("s", GatewayMap("g", (*cells(5000, DeviceState.STALE), hot))))
    assert parsed.tags.count("a") == fleet_markup.MOST_CELLS
    assert ("title", "hot: ok, high anomaly") in parsed.attributes
    assert "and 4,761 more: 4,761 stale" in parsed.words


def test_colour_is_never_the_only_sign() -> None:
    marks = {
        Parsed(fleet_markup.card("s", GatewayMap("g", (Cell("d", state, severity),)))).words[-1]
        for state, severity in [(DeviceState.OK, each) for each in Severity] + [(each, None) for each in DeviceState]
    }
    assert len(marks) == len(Severity) + len(DeviceState)


def test_a_gateway_that_is_over_its_capacity_says_so_by_more_than_a_full_bar() -> None:
    card = fleet_markup.card("s", GatewayMap("g", (), (("memory_bytes", 1.2),), ("silent",)))
    assert "120 %" in Parsed(card).words
    assert "silent" in Parsed(card).words
    assert 'class="fill over"' in card
