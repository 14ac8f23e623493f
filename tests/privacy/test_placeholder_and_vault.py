"""Placeholders: the same for the same value, never one for two, and never what the caller wrote himself."""

import re

import pytest

from extproc.privacy.placeholder import digits_of, name_of
from extproc.privacy.vault import Vault
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, KEY, vault

# Two values whose first ten digits are the same with KEY, found by trying a million and a half.
TWINS = ("user746497@example.com", "user1453907@example.com")


def test_a_placeholder_is_a_word_of_letters_and_digits() -> None:
    assert vault().placeholder(ANN, "EMAIL_ADDRESS") == ANN_TOKEN
    assert re.fullmatch("[A-Z]+[0-9][0-9a-f]{9}", ANN_TOKEN)


def test_it_is_the_same_in_every_exchange_of_a_tenant_and_another_for_another_tenant() -> None:
    assert vault().placeholder("x", "PERSON") == vault().placeholder("x", "PERSON")
    assert vault().placeholder("x", "PERSON") != vault(b"another tenant's").placeholder("x", "PERSON")


def test_it_differs_by_value_and_by_entity() -> None:
    one = vault()
    assert len({one.placeholder(*pair) for pair in (("x", "PERSON"), ("y", "PERSON"), ("x", "LOCATION"))}) == 3
    assert digits_of(KEY, "IPV_4", "x") != digits_of(KEY, "IPV_6", "x")


@pytest.mark.parametrize(("entity", "name"), [("US_SSN", "USSSN"), ("badge-id2", "BADGEID"), ("7", "VALUE")])
def test_it_begins_with_the_letters_of_its_entity(entity: str, name: str) -> None:
    assert name_of(entity) == name


def test_two_values_never_share_one() -> None:
    first, second = TWINS
    assert digits_of(KEY, "EMAIL_ADDRESS", first) == digits_of(KEY, "EMAIL_ADDRESS", second) == "7c5cc5ddcc"
    one = vault()
    tokens = [one.placeholder(value, "EMAIL_ADDRESS") for value in TWINS]
    assert tokens == ["EMAILADDRESS7c5cc5ddcc", "EMAILADDRESS" + digits_of(KEY, "EMAIL_ADDRESS", second, 1)]
    assert [one.values[token] for token in tokens] == list(TWINS)


@pytest.mark.parametrize(
    "document",
    [
        ANN_TOKEN.encode(),
        ANN_TOKEN.lower().encode(),
        b"x" + ANN_TOKEN.encode() + b"0",
        b"EMAILADDRESS\\u003957d1fe6d2",
        b"\\u0045MAILADDRESS957d1fe6d2",
        b'{\\"a\\": \\"EMAILADDRESS957d1fe\\\\u0036\\\\u00642\\"}',
    ],
)
def test_what_the_caller_wrote_himself_is_not_issued(document: bytes) -> None:
    one = vault()
    with one.avoiding(b'{"content":"%b"}' % document):
        token = one.placeholder(ANN, "EMAIL_ADDRESS")
    assert token == "EMAILADDRESS" + digits_of(KEY, "EMAIL_ADDRESS", ANN, 1)


def test_overlapping_look_alikes_are_all_seen() -> None:
    value = next(str(n) for n in range(10_000) if digits_of(KEY, "FACE", str(n))[0] == "9")
    hidden = "FACE" + digits_of(KEY, "FACE", value)
    one = vault()
    with one.avoiding(b"face12345" + hidden.encode()):
        assert one.placeholder(value, "FACE") != hidden


def test_a_vault_shows_nothing_of_what_it_holds() -> None:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    assert repr(one) == str(one) == "Vault(1 tokens)"


def test_halves_of_surrogates_are_values_like_any_other() -> None:
    one = vault()
    assert one.values[one.placeholder("\ud83d", "PERSON")] == "\ud83d"


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Vault(b"short")


def test_a_hash_is_stable_and_cannot_be_restored() -> None:
    one = vault()
    assert (
        one.hashed(ANN, "EMAIL_ADDRESS") == vault().hashed(ANN, "EMAIL_ADDRESS") == "<EMAIL_ADDRESS:d8fc8d5e4b801325>"
    )
    assert len(one) == 0


def test_surrogates_of_an_exchange_are_told_apart() -> None:
    one = vault()
    tokens = [one.surrogate(f"10.0.{n // 250}.{n % 250}", "IP_ADDRESS") for n in range(250)]
    assert len(set(tokens)) == 250
    assert [one.values[token] for token in tokens[:2]] == ["10.0.0.0", "10.0.0.1"]


def test_surrogates_leave_placeholders_as_they_are_without_them() -> None:
    one = vault()
    for n in range(200):
        one.surrogate(f"4{n:03} 0000 0000 0000", "CREDIT_CARD")
    placeholders = [one.placeholder(str(n), "PERSON") for n in range(200)]
    assert placeholders == [vault().placeholder(str(n), "PERSON") for n in range(200)]


def test_a_surrogate_that_the_caller_wrote_himself_is_not_issued() -> None:
    first = vault().surrogate("10.0.0.1", "IP_ADDRESS")
    one = vault()
    with one.avoiding(b'{"content":"ping %b"}' % first.encode()):
        assert one.surrogate("10.0.0.1", "IP_ADDRESS") != first


def test_a_surrogate_that_nobody_can_make_is_a_placeholder() -> None:
    one = vault()
    assert one.surrogate("Ann", "PERSON") == one.placeholder("Ann", "PERSON")
    assert Vault(KEY).surrogate(ANN, "EMAIL_ADDRESS") == ANN_TOKEN


def test_after_many_surrogates_come_placeholders() -> None:
    one = vault()
    tokens = [one.surrogate(f"{n}@x.org", "EMAIL_ADDRESS") for n in range(300)]
    assert sum(token.startswith("EMAILADDRESS") for token in tokens) == 44
    assert len(set(tokens)) == 300
