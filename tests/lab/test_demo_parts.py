"""What the demo shows is right: links, figures, colours, and pictures of states and thresholds."""

from __future__ import annotations

import math
import threading

import pytest

from lab.demo import chart, phone
from lab.demo.boards import Panel, Step, named
from lab.demo.figures import duration, figure
from lab.process import GivenUpError, given_up_by, wait_until
from lab.receiver import Received, Service

LAG = Panel(1, "Lag", "", "timeseries", "s", (Step(None, "green"), Step(15, "red")), ())
STATE = Panel(2, "State", "", "state-timeline", "none", (), (), {"0": ("ok", "green"), "3": ("stopped", "red")})


def _line(name: str, *values: float) -> dict[str, object]:
    return {"name": name, "points": [(1000.0 + 5 * index, value) for index, value in enumerate(values)]}


def test_a_link_names_board_panel_and_variables() -> None:
    link = phone.Link.read("http://127.0.0.1:1/d/redis?viewPanel=17&var-cluster=shop%20eu&from=5&to=now")
    assert (link.board, link.panel, link.variables) == ("redis", 17, {"cluster": "shop eu"})


def test_a_page_reads_as_on_a_phone() -> None:
    payload = {"summary": "PAGE shop: it broke", "class": "ItBroke", "custom_details": {"what": "Do this. " * 12}}
    page = Received(0.0, Service.PAGERDUTY, "/v2/enqueue", {"event_action": "trigger", "payload": payload})
    shown = phone.screen(page).splitlines()
    assert "PAGE shop: it broke" in shown[1]
    assert len({len(line) for line in shown}) == 1
    assert sum("Do this." in line for line in shown) == 2
    assert phone.alert_of(page) == "ItBroke"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9987, "percentunit", "99.9 %"),
        (1536 * 1024, "Bps", "1.5 MiB/s"),
        (0.0042, "s", "4.2 ms"),
        (0, "s", "0 s"),
        (2592, "s", "43 min 12 s"),
        (12_345, "short", "12.3 K"),
        (math.nan, "short", "no data"),
    ],
)
def test_figures_are_short_and_have_their_unit(value: float, unit: str, text: str) -> None:
    assert figure(value, unit) == text


def test_durations_have_two_units_at_most() -> None:
    assert [duration(seconds) for seconds in (59, 61, 3_600, 90_061)] == ["59 s", "1 min 1 s", "1 h", "1 d 1 h"]


def test_a_colour_comes_from_the_word_or_the_threshold() -> None:
    assert [LAG.colour(value) for value in (0, 14.9, 15)] == ["green", "green", "red"]
    assert [STATE.colour(value) for value in (0, 3)] == ["green", "red"]


def test_a_line_over_its_threshold_is_drawn_with_it() -> None:
    drawn = chart.draw(LAG, [_line("db2", 0, 10, 25), _line("db1", math.nan, math.nan)], start=900, end=1010)
    assert "threshold 15 s" in drawn
    assert drawn.count("<path") == 1
    assert '<td class="number" style="color:#cf222e;font-weight:600">25 s</td>' in drawn


def test_states_are_words_for_as_long_as_they_last() -> None:
    drawn = chart.draw(STATE, [_line("billing", 0, 0, 3, 3)], start=1000, end=1015)
    assert drawn.count("<rect") == 2
    assert "billing: stopped" in drawn


def test_text_from_outside_is_escaped() -> None:
    drawn = chart.draw(LAG, [_line("<script>", 1)], start=900, end=1010)
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_no_data_is_said() -> None:
    assert "No data" in chart.draw(LAG, [_line("db", math.nan)], start=0, end=10)


def test_lines_without_a_legend_are_told_apart_by_labels() -> None:
    labels = {"__name__": "up", "job": "redis", "cluster": "shop", "instance": "a:1"}
    assert named("{{cluster}} of {{missing}}", labels) == "shop of"
    assert named("__auto", labels) == "cluster=shop, instance=a:1"


def test_a_wish_to_give_up_is_heard_once_so_that_cleaning_up_may_wait() -> None:
    wish = threading.Event()
    with given_up_by(wish):
        wait_until(lambda: True, what="nothing")
        wish.set()
        with pytest.raises(GivenUpError):
            wait_until(lambda: True, what="nothing")
        wait_until(lambda: True, what="the end")
