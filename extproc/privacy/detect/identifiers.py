"""Numbers of persons and cards: how they are written, and their check digits (python-stdnum, whose modules name the
sources of each).

A shape is what a number looks like: `9` a digit, `A` a letter, a space one of ` .-/`. `shapes` are detected wherever
the checksum holds; `bare`, which anything may look like, only where words say what it is (`context.WORDS`): one in ten
numbers passes one check digit.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from stdnum.ar import cuit
from stdnum.at import vnr
from stdnum.au import tfn
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr as steuer_id
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.il import idnr as israeli_id
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.th import pin
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as south_african_id

from extproc.privacy.detect import checksums
from extproc.privacy.detect.entity import Entity

Check = Callable[[str], bool]

_LETTERS_OF_NINO = frozenset("ABCEGHJKLMNOPRSTWXYZ")
_NOT_NINO = frozenset({"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"})
_MEDICARE_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9)
_CHECK_COST = 8.0


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind of number. `check` takes it without separators; `validated`: the check is more than plausibility."""

    entity: Entity
    check: Check
    shapes: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()
    validated: bool = True
    cost: float = _CHECK_COST


def uk_nino(value: str) -> bool:
    """Prefixes and suffixes that are issued; there is no check digit
    (https://www.gov.uk/hmrc-internal-manuals/national-insurance-manual/nim39110, from memory, 2026-11-21)."""
    value = value.upper()
    first, second = value[0], value[1]
    allowed = first in _LETTERS_OF_NINO - {"O"} and second in _LETTERS_OF_NINO - {"O"}
    return allowed and value[:2] not in _NOT_NINO and value[-1] in "ABCD"


def au_medicare(value: str) -> bool:
    """First digit 2 to 6, and a weighted sum modulo 10 in the ninth (Services Australia; from memory, 2026-11-21)."""
    total = sum(int(digit) * weight for digit, weight in zip(value, _MEDICARE_WEIGHTS, strict=False))
    return value[0] in "23456" and total % 10 == int(value[8])


def finnish(value: str) -> bool:
    """`hetu` wants the sign between date and number; a letter there is part of the number."""
    return hetu.is_valid(value if len(value) == 11 else f"{value[:6]}-{value[6:]}")


def chilean(value: str) -> bool:
    return rut.is_valid(value) and int(value[:-1]) >= 1_000_000


def chinese(value: str) -> bool:
    """A date of birth, and ISO 7064 MOD 11-2 over all (GB 11643-1999). `ric.is_valid` wants a place too, and fails for
    some with KeyError (2.2)."""
    try:
        datetime.date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return False
    return ric.calc_check_digit(value) == value[-1].upper()


def _nine_digits(*grouped: str) -> tuple[str, ...]:
    return ("999999999", *grouped)


IDENTIFIERS: tuple[Identifier, ...] = (
    Identifier(
        Entity.CREDIT_CARD,
        checksums.card,
        shapes=(
            "9999 9999 9999 9999",
            "9999 9999 9999 9999 999",
            "99999999 9999 9999",
            "99999999 99999999",
            "9999 999999 99999",
            "9999 999999 9999",
            "9999 9999 9999 9",
            *("9" * size for size in (13, 14, 15, 16, 18, 19)),
            *(" ".join("9" * size) for size in (14, 15, 16)),
        ),
        cost=6.0,
    ),
    Identifier(Entity.US_SSN, ssn.is_valid, ("999 99 9999",), _nine_digits(), validated=False),
    Identifier(Entity.US_ITIN, itin.is_valid, ("999 99 9999",), _nine_digits(), validated=False),
    Identifier(Entity.UK_NHS, nhs.is_valid, (), ("999 999 9999", "9999999999")),
    Identifier(Entity.UK_NINO, uk_nino, ("AA 99 99 99 A", "AA999999A", "AA 999999 A"), (), validated=False),
    Identifier(Entity.DE_TAX_ID, steuer_id.is_valid, ("99 999 999 999",), ("99999999999",)),
    Identifier(
        Entity.FR_NIR,
        nir.is_valid,
        (
            "9 99 99 99 999 999 99",
            "9 99 99 9A 999 999 99",
            "9 99 99 99 999 999  99",
            "9" * 15,
            "9" * 5 + "9A" + "9" * 8,
        ),
    ),
    Identifier(Entity.ES_NIF, dni.is_valid, ("99999999A", "99999999 A", "99 999 999 A", "99 999 999A")),
    Identifier(Entity.ES_NIE, nie.is_valid, ("A9999999A", "A 9999999 A", "A9999999 A")),
    Identifier(
        Entity.IT_FISCAL_CODE, codicefiscale.is_valid, ("AAAAAA99A99A999A", "AAA AAA 99A99 A999A"), (), cost=30.0
    ),
    Identifier(Entity.NL_BSN, bsn.is_valid, (), _nine_digits("999 999 999", "9999 99 999")),
    Identifier(Entity.BE_NATIONAL_NUMBER, nn.is_valid, ("99 99 99 999 99",), ("99999999999",)),
    Identifier(Entity.PT_NIF, nif.is_valid, (), _nine_digits("999 999 999")),
    Identifier(Entity.PL_PESEL, pesel.is_valid, ("99999999999",), ()),
    Identifier(
        Entity.SE_PERSONNUMMER,
        personnummer.is_valid,
        ("999999 9999", "99999999 9999"),
        ("9999999999", "999999999999"),
    ),
    Identifier(Entity.FI_PERSONAL_IDENTITY_CODE, finnish, ("999999 999A", "999999A999A", "999999 9999", "999999A9999")),
    Identifier(Entity.NO_FODSELSNUMMER, fodselsnummer.is_valid, ("99999999999", "999999 99999"), (), cost=15.0),
    Identifier(Entity.CH_AHV, ahv.is_valid, ("999 9999 9999 99", "9999999999999")),
    Identifier(Entity.AT_SVNR, vnr.is_valid, (), ("9999 999999", "9999999999")),
    Identifier(Entity.IE_PPS, pps.is_valid, (), ("9999999A", "9999999AA")),
    Identifier(Entity.CZ_RC, rc.is_valid, ("999999 9999",), ("9999999999", "999999 999")),
    Identifier(Entity.RO_CNP, cnp.is_valid, ("9999999999999",), (), cost=15.0),
    Identifier(Entity.BG_EGN, egn.is_valid, (), ("9999999999",)),
    Identifier(Entity.GR_AMKA, amka.is_valid, (), ("99999999999",)),
    Identifier(Entity.HR_OIB, oib.is_valid, (), ("99999999999",)),
    Identifier(Entity.EE_IK, ik.is_valid, ("99999999999",), (), cost=15.0),
    Identifier(Entity.IL_ID, israeli_id.is_valid, (), _nine_digits("99999999 9")),
    Identifier(Entity.TR_TCKN, tckimlik.is_valid, (), ("99999999999",)),
    Identifier(Entity.ZA_ID, south_african_id.is_valid, ("9999999999999", "999999 9999 99 9"), (), cost=15.0),
    Identifier(Entity.BR_CPF, cpf.is_valid, ("999 999 999 99",), ("99999999999",)),
    Identifier(
        Entity.CL_RUT,
        chilean,
        ("99 999 999 9", "99 999 999 A", "9 999 999 9", "9 999 999 A", "99999999 A", "9999999 A"),
        ("99999999 9", "9999999 9"),
    ),
    Identifier(Entity.AR_CUIT, cuit.is_valid, ("99 99999999 9",), ("99999999999",)),
    Identifier(Entity.MX_CURP, curp.is_valid, ("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"), (), cost=30.0),
    Identifier(Entity.CA_SIN, sin.is_valid, (), _nine_digits("999 999 999")),
    Identifier(Entity.AU_TFN, tfn.is_valid, (), _nine_digits("999 999 999", "99999999")),
    Identifier(Entity.AU_MEDICARE, au_medicare, (), ("9999 99999 9", "9999999999", "9999 99999 9 9")),
    Identifier(Entity.IN_AADHAAR, aadhaar.is_valid, (), ("9999 9999 9999", "999999999999")),
    Identifier(Entity.IN_PAN, pan.is_valid, ("AAAAA9999A",), (), validated=False, cost=15.0),
    Identifier(Entity.CN_RIC, chinese, ("9" * 18, "9" * 17 + "A")),
    Identifier(Entity.KR_RRN, rrn.is_valid, ("999999 9999999",), ("9999999999999",), cost=15.0),
    Identifier(Entity.TH_PIN, pin.is_valid, ("9 9999 99999 99 9",), ("9999999999999",)),
    Identifier(Entity.DK_CPR, cpr.is_valid, ("999999 9999",), ("9999999999",), validated=False),
)
"""Where several have one shape and nothing near says which, the first that is valid."""
