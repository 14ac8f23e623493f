"""Numbers of persons and cards: one that is valid for each, and what their shapes promise."""

import random
import re

import pytest
from stdnum import numdb

from extproc.privacy.detect import context
from extproc.privacy.detect.checksums import IBAN_LENGTHS, card, iban, luhn
from extproc.privacy.detect.detector import Detector
from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.identifiers import IDENTIFIERS, Identifier
from extproc.privacy.detect.numbers import Numbers

DETECTOR = Detector()

VALID = [
    ("4111 1111 1111 1111", Entity.CREDIT_CARD),
    ("SSN 536-90-4399", Entity.US_SSN),
    ("ITIN 912-90-3456", Entity.US_ITIN),
    ("NHS 943 476 5919", Entity.UK_NHS),
    ("AB123456C", Entity.UK_NINO),
    ("Steuer-ID 36 574 261 809", Entity.DE_TAX_ID),
    ("2 95 10 99 126 111 93", Entity.FR_NIR),
    ("DNI 54362315-K", Entity.ES_NIF),
    ("NIE X-2482300-W", Entity.ES_NIE),
    ("RCCMNL83S18D969H", Entity.IT_FISCAL_CODE),
    ("BSN 1112.22.333", Entity.NL_BSN),
    ("rijksregisternummer 85.07.30-033 28", Entity.BE_NATIONAL_NUMBER),
    ("NIF 501 964 843", Entity.PT_NIF),
    ("44051401359", Entity.PL_PESEL),
    ("880320-0016", Entity.SE_PERSONNUMMER),
    ("131052-308T", Entity.FI_PERSONAL_IDENTITY_CODE),
    ("CPR 211062-5629", Entity.DK_CPR),
    ("151086 95088", Entity.NO_FODSELSNUMMER),
    ("756.9217.0769.85", Entity.CH_AHV),
    ("SVNR 1237 010180", Entity.AT_SVNR),
    ("PPS 6433435F", Entity.IE_PPS),
    ("rodné číslo 710319/2745", Entity.CZ_RC),
    ("1630615123457", Entity.RO_CNP),
    ("EGN 7523169263", Entity.BG_EGN),
    ("AMKA 01013099997", Entity.GR_AMKA),
    ("OIB 33392005961", Entity.HR_OIB),
    ("36805280109", Entity.EE_IK),
    ("Israeli ID 039337423", Entity.IL_ID),
    ("TC kimlik 17291716060", Entity.TR_TCKN),
    ("7503305044089", Entity.ZA_ID),
    ("390.533.447-05", Entity.BR_CPF),
    ("RUT 12531909-2", Entity.CL_RUT),
    ("CUIT 20-05536168-2", Entity.AR_CUIT),
    ("BOXW310820HNERXN09", Entity.MX_CURP),
    ("SIN 123-456-782", Entity.CA_SIN),
    ("TFN 123 456 782", Entity.AU_TFN),
    ("Medicare 2123 45670 1", Entity.AU_MEDICARE),
    ("Aadhaar 2341 2341 2346", Entity.IN_AADHAAR),
    ("PAN ACUPA7085R", Entity.IN_PAN),
    ("360426199101010071", Entity.CN_RIC),
    ("971013-9019902", Entity.KR_RRN),
    ("1-2345-45678-78-1", Entity.TH_PIN),
]


@pytest.mark.parametrize(("text", "entity"), VALID)
def test_a_valid_number_is_detected(text: str, entity: Entity) -> None:
    assert [span.entity for span in DETECTOR.find(f"Hello, {text}.")] == [entity]


def test_each_kind_of_number_has_an_example() -> None:
    assert {entity for _, entity in VALID} == {identifier.entity for identifier in IDENTIFIERS}


def test_each_kind_of_number_has_words_that_name_it() -> None:
    assert {identifier.entity for identifier in IDENTIFIERS} <= context.WORDS.keys()


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda identifier: identifier.entity)
def test_a_check_takes_whatever_has_the_shape(identifier: Identifier) -> None:
    chance = random.Random(1)
    for shape in (*identifier.shapes, *identifier.bare) * 100:
        value = shape.replace(" ", "").translate({0x39: "9", 0x41: "A"})
        value = re.sub("9", lambda _: chance.choice("0123456789"), value)
        identifier.check(re.sub("A", lambda _: chance.choice("ABKXYZabkxyz"), value))


@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda identifier: identifier.entity)
def test_the_hint_is_in_every_shape(identifier: Identifier) -> None:
    hint = re.compile(Numbers([identifier]).hints[0].decode())
    assert all(hint.search(shape) for shape in (*identifier.shapes, *identifier.bare))


def test_lengths_of_account_numbers_are_the_registrys() -> None:
    registry = numdb.get("iban")
    assert all(registry.info(country)[0][1] for country in IBAN_LENGTHS)


@pytest.mark.parametrize(
    "number",
    [
        "GB29NWBK60161331926819",
        "DE89370400440532013000",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
)
def test_the_registrys_examples_are_valid(number: str) -> None:
    assert iban(number)
    assert not iban(number[:-1])
    assert not iban(number[:-1] + ("1" if number[-1] != "1" else "2"))


@pytest.mark.parametrize(
    "number", ["4111111111111111", "5555555555554444", "2223003122003222", "378282246310005", "6011111111111117"]
)
def test_the_networks_test_cards_are_valid(number: str) -> None:
    assert card(number)


@pytest.mark.parametrize("number", ["4111111111111112", "0000000000000000", "1234567890123452", "9999999999999995"])
def test_other_numbers_are_no_cards(number: str) -> None:
    assert not card(number)


def test_luhn_takes_numbers_of_odd_and_even_length() -> None:
    assert luhn("79927398713")
    assert luhn("4532015112830366")
    assert not luhn("79927398710")
