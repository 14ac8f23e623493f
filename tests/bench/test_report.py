"""What a run writes: the table and build/bench.json."""

import json

from bench.report import as_json, as_text
from bench.result import Result

CHAT = Result("chat", 1.23456, 2.0, 1500.5, 640.0, 180.25, {"bare_p50_ms": 0.2, "rps_bare": 20_000.0})
MICRO = Result("micro", more={"events_per_second": 400_000.0})


def test_the_json_is_a_list_with_one_object_a_scenario() -> None:
    assert json.loads(as_json([CHAT, MICRO])) == [
        {
            "name": "chat",
            "added_p50_ms": 1.235,
            "added_p99_ms": 2.0,
            "rps": 1500.5,
            "cpu_us_per_request": 640.0,
            "rss_mb": 180.25,
            "bare_p50_ms": 0.2,
            "rps_bare": 20000.0,
        },
        {
            "name": "micro",
            "added_p50_ms": None,
            "added_p99_ms": None,
            "rps": None,
            "cpu_us_per_request": None,
            "rss_mb": None,
            "events_per_second": 400000.0,
        },
    ]


def test_the_text_names_the_machine_and_has_a_row_a_scenario() -> None:
    lines = as_text({"date": "2026-11-21", "machine": "2 cores"}, [CHAT, MICRO]).splitlines()

    assert lines[:2] == ["date:     2026-11-21", "machine:  2 cores"]
    assert lines[3].split("|")[1:6] == [" scenario ", " added p50 ms ", " added p99 ms ", "   rps ", " rps bare "]
    assert [cell.strip() for cell in lines[5].split("|")[1:7]] == ["chat", "1.24", "2.00", "1,500", "20,000", "640"]
    assert [cell.strip() for cell in lines[6].split("|")[1:7]] == ["micro", "", "", "", "", ""]


def test_what_has_no_column_is_said_below_the_table() -> None:
    lines = as_text({}, [CHAT, MICRO]).splitlines()

    assert lines[-2:] == ["chat: bare_p50_ms 0.20", "micro: events_per_second 400,000"]
