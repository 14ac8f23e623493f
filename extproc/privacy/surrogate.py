"""Stand-ins that look like what they stand for, for models and tools that need a valid card number or address.

Where something is reserved for examples, it is taken, so that no surrogate belongs to anyone:

* domains: example.com, example.net, example.org (RFC 2606)
* addresses: 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737), 2001:db8::/32 (RFC 3849), 00-00-5E-00-53-xx
  (RFC 9542)
* telephone numbers: North America 555-0100 to 555-0199 (ATIS-0300115), the United Kingdom 07700 900000 to 900999
  (Ofcom), France 06 39 98 xx xx (Arcep), Germany 030 23125 xxx (Bundesnetzagentur); all from memory, 2026-11-21
* cards: the first six digits of the schemes' published test numbers, and a right check digit (ISO/IEC 7812-1)

An IBAN keeps its country and gets right check digits (ISO 13616). Any other number keeps its shape, and passes the
check given for its entity where that is soon found. What has no such form (names, places, dates) has no surrogate.
All surrogates of one shape have the same length, so that none is a part of another.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from extproc.privacy.keyed import Draw

_MOST_LENGTH = 256
_MOST_TRIES = 150
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_BASE36 = _LOWER + "0123456789"
_GIVEN_NAMES = ("alex", "chris", "dana", "jamie", "jordan", "kim", "lee", "maria", "noor", "robin", "sam", "taylor")
_DOMAINS = ("example.com", "example.net", "example.org")
_IPV4_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_SHAPED = re.compile(r"(?=.*[0-9].*[0-9].*[0-9].*[0-9])[0-9A-Za-z][0-9A-Za-z ./:_+-]{4,}", re.ASCII)
_CARD_PREFIXES = (
    ("34", "378282"),
    ("37", "378282"),
    ("3", "305693"),
    ("35", "356600"),
    ("4", "400000"),
    ("5", "555555"),
    ("2", "222300"),
    ("62", "620000"),
    ("6", "601111"),
)

_WITHOUT_FORM = frozenset(
    {"DATE_OF_BIRTH", "DATE_TIME", "LOCATION", "PERSON", "PRIVATE_KEY", "STREET_ADDRESS", "URL", "URL_WITH_CREDENTIALS"}
)

Check = Callable[[str], bool]
_NO_CHECKS: Mapping[str, Check] = MappingProxyType({})


class Surrogates:
    """Makes surrogates. `checks` say of letters and digits without separators whether they are valid for an entity."""

    def __init__(self, checks: Mapping[str, Check] = _NO_CHECKS) -> None:
        self._checks = checks

    def make(self, value: str, entity: str, draw: Draw) -> str | None:
        """A stand-in of the value's shape; None where there is none. The same draw gives the same one."""
        if len(value) > _MOST_LENGTH or entity in _WITHOUT_FORM:
            return None
        maker = _MAKERS.get(entity)
        if maker is not None:
            return maker(value, draw)
        if not _SHAPED.fullmatch(value):
            return None
        return self._checked(value, self._checks.get(entity), draw)

    @staticmethod
    def _checked(value: str, check: Check | None, draw: Draw) -> str:
        """Of the value's shape and valid; of its shape alone where that is hard to come by."""
        first = _same_shape(value, draw)
        if check is None:
            return first
        tries = (_same_shape(value, draw) for _ in range(_MOST_TRIES))
        return next((shaped for shaped in tries if check(_alphanumeric(shaped))), first)


def _same_shape(value: str, draw: Draw) -> str:
    """Other digits and letters, each of its kind and in its place."""
    return "".join(_other(char, draw) for char in value)


def _other(char: str, draw: Draw) -> str:
    if char.isdigit():
        return str(draw.below(10))
    if not char.isalpha():
        return char
    other = _LOWER[draw.below(26)]
    return other.upper() if char.isupper() else other


def _laid_out(value: str, chars: str) -> str:
    """`chars` with the separators of `value`, whose letters and digits they are to replace."""
    rest: Iterator[str] = iter(chars)
    return "".join(next(rest) if char.isalnum() else char for char in value)


def _alphanumeric(value: str) -> str:
    return "".join(filter(str.isalnum, value))


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` a valid number (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return str(-(sum(doubled) + sum(map(int, digits[-2::-2]))) % 10)


def _card(value: str, draw: Draw) -> str | None:
    digits = _alphanumeric(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) >= 12):
        return None
    prefix = max((pair for pair in _CARD_PREFIXES if digits.startswith(pair[0])), default=("", "400000"), key=_depth)[1]
    body = prefix + draw.digits(len(digits) - 7)
    return _laid_out(value, body + luhn_digit(body))


def _depth(pair: tuple[str, str]) -> int:
    return len(pair[0])


def _iban(value: str, draw: Draw) -> str | None:
    compact = _alphanumeric(value)
    if len(compact) < 15 or not compact.isascii():
        return None
    country, account = compact[:2].upper(), _same_shape(compact[4:], draw)
    return _laid_out(value, country + iban_check_digits(country, account) + account)


def iban_check_digits(country: str, account: str) -> str:
    """The two check digits of an IBAN (ISO 7064 MOD 97-10)."""
    number = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{98 - int(number) % 97:02}"


def _email(value: str, draw: Draw) -> str:
    name = _GIVEN_NAMES[draw.below(len(_GIVEN_NAMES))]
    tail = "".join(_BASE36[draw.below(36)] for _ in range(6))
    return f"{name}.{tail}@{_DOMAINS[draw.below(len(_DOMAINS))]}"


def _ip(value: str, draw: Draw) -> str | None:
    try:
        version = ipaddress.ip_address(value).version
    except ValueError:
        return None
    if version == 4:  # three digits at the end: 192.0.2.1 would be a part of 192.0.2.17
        return f"{_IPV4_NETWORKS[draw.below(3)]}.{100 + draw.below(155)}"
    return "2001:db8:" + ":".join(f"{0x1000 + draw.below(0xF000):x}" for _ in range(6))


def _mac(value: str, draw: Draw) -> str | None:
    if len(_alphanumeric(value)) != 12:
        return None
    return _laid_out(value, f"00005E0053{draw.below(256):02X}")


def _phone(value: str, draw: Draw) -> str | None:
    """In the value's layout where it is that country's; without a reserved range the last six digits are others."""
    digits = _alphanumeric(value)
    if not (digits.isascii() and digits.isdigit() and len(digits) >= 7):
        return None
    for prefix, length, reserved, free in _RESERVED_NUMBERS:
        if value.lstrip("(").startswith(prefix) and len(digits) == length:
            return _laid_out(value, reserved + draw.digits(free))
    if len(digits) in (10, 11) and digits[-10] in "23456789" and "+" not in value and digits[:-10] in ("", "1"):
        return _laid_out(value, digits[:-7] + "55501" + draw.digits(2))
    if len(digits) == 11 and value.startswith("+1"):
        return _laid_out(value, digits[:-7] + "55501" + draw.digits(2))
    return _laid_out(value, digits[:-6] + draw.digits(6))


# The prefix as written, the number of digits, the reserved digits, how many are free behind them.
_RESERVED_NUMBERS = (
    ("+44", 12, "447700900", 3),
    ("07", 11, "07700900", 3),
    ("+33", 11, "3363998", 4),
    ("06", 10, "063998", 4),
    ("+49", 11, "493023125", 2),
    ("+49", 12, "493023125", 3),
    ("030", 11, "03023125", 3),
)


def _ssn(value: str, draw: Draw) -> str | None:
    """Area numbers from 900 on were never issued, and these group numbers not for taxpayers either."""
    digits = _alphanumeric(value)
    if len(digits) != 9:
        return None
    return _laid_out(value, f"9{draw.digits(2)}{1 + draw.below(49):02}{1 + draw.below(9999):04}")


_MAKERS: Mapping[str, Callable[[str, Draw], str | None]] = {
    "CREDIT_CARD": _card,
    "EMAIL_ADDRESS": _email,
    "IBAN_CODE": _iban,
    "IP_ADDRESS": _ip,
    "MAC_ADDRESS": _mac,
    "PHONE_NUMBER": _phone,
    "US_SSN": _ssn,
}
