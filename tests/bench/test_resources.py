"""What a process has used, from the two places where systems say so."""

import os

from bench.resources import children, from_ps, stat_fields, used


def test_a_row_of_ps_has_minutes_and_seconds() -> None:
    found = from_ps("  1:02.50 20480\n")

    assert (found.cpu_seconds, found.rss_mb) == (62.5, 20.0)


def test_a_row_of_ps_may_have_hours_and_days() -> None:
    assert from_ps("2-03:04:05 1024").cpu_seconds == 2 * 86400 + 3 * 3600 + 4 * 60 + 5


def test_a_name_with_parentheses_does_not_move_the_fields() -> None:
    assert stat_fields("12 (a (b) c) S 1 12 12") == ["S", "1", "12", "12"]


def test_this_process_has_used_memory() -> None:
    assert used(os.getpid()).rss_mb > 1


def test_a_process_is_among_its_parents_children() -> None:
    assert os.getpid() in children(os.getppid())
