"""Surrogates: of the right shape, valid, and of nobody."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.keyed import Draw
from extproc.privacy.surrogate import Surrogates, iban_check_digits, luhn_digit


def make(value: str, entity: str, seed: bytes = b"seed") -> str | None:
    return Surrogates().make(value, entity, Draw(seed))


def made(value: str, entity: str, seed: bytes = b"seed") -> str:
    surrogate = make(value, entity, seed)
    assert surrogate is not None
    return surrogate


@pytest.mark.parametrize(
    ("value", "entity", "pattern"),
    [
        ("4012 8888 8888 1881", "CREDIT_CARD", r"4000 00\d\d \d{4} \d{4}"),
        ("371449635398431", "CREDIT_CARD", r"378282\d{9}"),
        ("5105-1051-0510-5100", "CREDIT_CARD", r"5555-55\d\d-\d{4}-\d{4}"),
        ("6221260000000000", "CREDIT_CARD", r"620000\d{10}"),
        ("DE89 3704 0044 0532 0130 00", "IBAN_CODE", r"DE\d\d( \d{4}){4} \d\d"),
        ("GB82WEST12345698765432", "IBAN_CODE", r"GB\d\d[A-Z]{4}\d{14}"),
        ("john.smith@acme.com", "EMAIL_ADDRESS", r"[a-z]+\.[a-z0-9]{6}@example\.(com|net|org)"),
        ("+1 (212) 736-5000", "PHONE_NUMBER", r"\+1 \(212\) 555-01\d\d"),
        ("212.736.5000", "PHONE_NUMBER", r"212\.555\.01\d\d"),
        ("+44 7911 123456", "PHONE_NUMBER", r"\+44 7700 900\d{3}"),
        ("06 12 34 56 78", "PHONE_NUMBER", r"06 39 98 \d\d \d\d"),
        ("+39 06 6982 1234", "PHONE_NUMBER", r"\+39 06 \d{4} \d{4}"),
        ("10.1.2.3", "IP_ADDRESS", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{3}"),
        ("fe80::1", "IP_ADDRESS", r"2001:db8(:[0-9a-f]{4}){6}"),
        ("a0:b1:c2:d3:e4:f5", "MAC_ADDRESS", r"00:00:5E:00:53:[0-9A-F]{2}"),
        ("123-45-6789", "US_SSN", r"9\d\d-[0-4]\d-\d{4}"),
        ("AB 12 34 56 C", "UK_NINO", r"[A-Z]{2} \d\d \d\d \d\d [A-Z]"),
    ],
)
def test_the_shape_stays(value: str, entity: str, pattern: str) -> None:
    surrogate = made(value, entity)
    assert re.fullmatch(pattern, surrogate)
    assert surrogate == made(value, entity)
    assert surrogate != made(value, entity, b"another seed")


@pytest.mark.parametrize(
    ("value", "entity"),
    [
        ("Ann Smith", "PERSON"),
        ("Rome", "LOCATION"),
        ("1980-05-12", "DATE_OF_BIRTH"),
        ("not an address", "IP_ADDRESS"),
        ("9" * 300, "ID"),
        ("12", "ID"),
    ],
)
def test_what_has_no_such_form_has_no_surrogate(value: str, entity: str) -> None:
    assert make(value, entity) is None


@pytest.mark.parametrize("digits", ["7992739871", "411111111111111"])
def test_check_digits_of_cards(digits: str) -> None:
    assert luhn_digit(digits) == {"7992739871": "3", "411111111111111": "1"}[digits]


@pytest.mark.parametrize(
    ("iban", "digits"), [("GB82WEST12345698765432", "82"), ("DE89370400440532013000", "89"), ("NO9386011117947", "93")]
)
def test_check_digits_of_ibans(iban: str, digits: str) -> None:
    assert iban_check_digits(iban[:2], iban[4:]) == digits


@given(st.binary(), st.integers(12, 19))
def test_every_card_passes_its_check(seed: bytes, length: int) -> None:
    surrogate = made("4" * length, "CREDIT_CARD", seed)
    assert len(surrogate) == length
    assert luhn_digit(surrogate[:-1]) == surrogate[-1]


@given(st.binary(), st.sampled_from(["10.0.0.1", "::1"]))
def test_every_address_is_one_for_documentation(seed: bytes, value: str) -> None:
    address = ipaddress.ip_address(made(value, "IP_ADDRESS", seed))
    networks = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    assert any(address in ipaddress.ip_network(network) for network in networks)


@given(st.binary())
def test_a_number_passes_the_check_of_its_entity(seed: bytes) -> None:
    def divides(text: str) -> bool:
        return int(text) % 11 == 0

    surrogate = Surrogates({"UK_NHS": divides}).make("9434765919", "UK_NHS", Draw(seed))
    assert surrogate is not None
    assert divides(surrogate)


def test_a_check_that_nothing_passes_costs_little_and_leaves_the_shape() -> None:
    surrogate = Surrogates({"ID": lambda _: False}).make("AB-1234", "ID", Draw(b""))
    assert surrogate is not None
    assert re.fullmatch(r"[A-Z]{2}-\d{4}", surrogate)
