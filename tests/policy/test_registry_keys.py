"""Keys of the registry: their form, and the check that tells a key made here from any other text."""

import re

import pytest

from extproc.config.keys import has_check, new_id, new_registry_key, record_id

SALT, OTHER_SALT = b"0123456789abcdef", b"fedcba9876543210"
KEY = new_registry_key(SALT, "1abcdefghijkmnop")


def test_a_key_begins_with_the_id_of_its_record() -> None:
    assert re.fullmatch(r"sk-1abcdefghijkmnop[1-9A-HJ-NP-Za-km-z]{46}", KEY)
    assert record_id(KEY) == "1abcdefghijkmnop"


def test_no_two_keys_of_a_record_and_no_two_ids_are_the_same() -> None:
    assert len({new_registry_key(SALT, "1abcdefghijkmnop") for _ in range(50)}) == 50
    assert len({new_id() for _ in range(50)}) == 50
    assert re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{16}", new_id())


def test_a_key_has_the_check_of_the_salt_that_it_was_made_under() -> None:
    assert has_check(SALT, KEY)
    assert not has_check(OTHER_SALT, KEY)


@pytest.mark.parametrize("place", range(3, len(KEY)))
def test_one_wrong_letter_is_noticed(place: int) -> None:
    wrong = "2" if KEY[place] != "2" else "3"
    assert not has_check(SALT, KEY[:place] + wrong + KEY[place + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "sk-", KEY[3:], KEY + "1", KEY[:-1], KEY[:-1] + "0", KEY[:-1] + "é", "SK-" + KEY[3:], "s" * len(KEY)],
    ids=["nothing", "prefix", "no prefix", "longer", "shorter", "digit", "letter", "capitals", "letters"],
)
def test_other_text_names_no_record(text: str) -> None:
    assert record_id(text) == ""
    assert not has_check(SALT, text)
