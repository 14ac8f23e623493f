"""Prompts with labelled personal data, made with a fixed seed: two halves with sentences of their own.

What it cannot show: one author wrote the sentences, the hard negatives and the patterns, so both know the same shapes;
values are Faker's and our own, not people's; sentences are short and the share of personal data in them is far above
that of real prompts; names of persons and places are not labelled, since patterns do not find them.
"""

import base64
import hashlib
import json
import random
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from faker import Faker
from stdnum.de import idnr
from stdnum.gb import nhs

from extproc.privacy.detect.entity import Entity
from extproc.privacy.detect.span import Span
from tests.privacy import templates

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE")
_SLOT = re.compile(r"\{(\w+)\}|(\{\{|\}\})")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LETTERS_OF_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_ALPHANUMERIC = string.ascii_letters + string.digits

_ID_ENTITIES = {
    "en_US": Entity.US_SSN,
    "en_GB": Entity.UK_NHS,
    "de_DE": Entity.DE_TAX_ID,
    "fr_FR": Entity.FR_NIR,
    "es_ES": Entity.ES_NIF,
    "it_IT": Entity.IT_FISCAL_CODE,
    "nl_NL": Entity.NL_BSN,
    "pl_PL": Entity.PL_PESEL,
    "pt_BR": Entity.BR_CPF,
    "sv_SE": Entity.SE_PERSONNUMMER,
}
ENTITIES = {
    "email": Entity.EMAIL_ADDRESS,
    "phone": Entity.PHONE_NUMBER,
    "card": Entity.CREDIT_CARD,
    "iban": Entity.IBAN_CODE,
    "dob": Entity.DATE_OF_BIRTH,
    "street": Entity.STREET_ADDRESS,
    "ip": Entity.IP_ADDRESS,
    "mac": Entity.MAC_ADDRESS,
    "passport": Entity.PASSPORT,
    "account": Entity.BANK_ACCOUNT,
    "token": Entity.API_KEY,
    "aws": Entity.API_KEY,
    "password": Entity.PASSWORD,
    "url": Entity.URL_WITH_CREDENTIALS,
    "bitcoin": Entity.CRYPTO,
    "pem": Entity.PRIVATE_KEY,
    "jwt": Entity.JWT,
    "nino": Entity.UK_NINO,
}


class Half(Enum):
    """Which half: its seed and its sentences."""

    TUNING = 20_26_11
    HELD_OUT = 77_001

    @property
    def sentences(self) -> dict[str, tuple[str, ...]]:
        return templates.TUNING if self is Half.TUNING else templates.HELD_OUT


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, and what is in it."""

    locale: str
    text: str
    spans: tuple[Span, ...]


def generate(half: Half, rounds: int) -> Iterator[Example]:
    """Each sentence of each locale `rounds` times, those without personal data as often as the rest has sentences."""
    for locale in LOCALES:
        fake = Faker(locale)
        fake.seed_instance(half.value)
        values = Values(locale, fake, random.Random(half.value))
        language = locale[:2]
        sentences = (*half.sentences[language], *half.sentences.get(locale, ()), *half.sentences[""])
        for _ in range(rounds):
            for sentence in sentences:
                yield _filled(sentence, locale, values)


def _filled(sentence: str, locale: str, values: "Values") -> Example:
    text, spans, place = "", [], 0
    for match in _SLOT.finditer(sentence):
        text += sentence[place : match.start()]
        slot = match[1]
        value = values.make(slot) if slot else match[2][0]
        entity = _ID_ENTITIES[locale] if slot == "id" else ENTITIES.get(slot)
        if entity is not None:
            spans.append(Span(len(text), len(text) + len(value), entity))
        text, place = text + value, match.end()
    return Example(locale, text + sentence[place:], tuple(spans))


class Values:
    """Values of slots, as people of a locale write them."""

    def __init__(self, locale: str, fake: Faker, chance: random.Random) -> None:
        self._locale = locale
        self._fake = fake
        self._chance = chance

    def make(self, slot: str) -> str:
        """A value for the slot. Raises AttributeError for one that there is not."""
        value: str = getattr(self, f"_{slot}")()
        return value

    def _pick(self, *makers: Callable[[], str]) -> str:
        return self._chance.choice(makers)()

    def _some(self, alphabet: str, size: int) -> str:
        return "".join(self._chance.choices(alphabet, k=size))

    def _name(self) -> str:
        return str(self._fake.name())

    def _email(self) -> str:
        return self._pick(self._fake.email, self._fake.ascii_free_email, self._fake.company_email)

    def _phone(self) -> str:
        return str(self._fake.phone_number())

    def _card(self) -> str:
        number = str(self._fake.credit_card_number(self._chance.choice(["visa16", "mastercard", "amex", "discover"])))
        if len(number) == 15:
            groups = [number[:4], number[4:10], number[10:]]
        else:
            groups = [number[place : place + 4] for place in range(0, 16, 4)]
        return self._chance.choice(["", " ", "-"]).join(groups)

    def _iban(self) -> str:
        number = str(self._fake.iban())
        groups = [number[place : place + 4] for place in range(0, len(number), 4)]
        return self._chance.choice(["", " "]).join(groups)

    def _dob(self) -> str:
        born = self._fake.date_of_birth(minimum_age=18, maximum_age=90)
        month = str(self._fake.month_name()) if self._locale[:2] == "en" else ""
        forms = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"] + [f"%d {month} %Y", f"{month} %d, %Y"] * bool(month)
        return str(born.strftime(self._chance.choice(forms)))

    def _street(self) -> str:
        return str(self._fake.street_address()).replace("\n", ", ").strip()

    def _ip(self) -> str:
        return self._pick(self._fake.ipv4_public, self._fake.ipv4_private, self._fake.ipv6)

    def _mac(self) -> str:
        return str(self._fake.mac_address())

    def _passport(self) -> str:
        return str(self._fake.passport_number())

    def _account(self) -> str:
        return self._some(string.digits, self._chance.choice([8, 10, 12]))

    def _token(self) -> str:
        return self._pick(
            lambda: "ghp_" + self._some(_ALPHANUMERIC, 36),
            lambda: "sk-proj-" + self._some(_ALPHANUMERIC + "-_", 48),
            lambda: "xoxb-" + self._some(string.digits, 12) + "-" + self._some(_ALPHANUMERIC, 24),
            lambda: self._some("0123456789abcdef", 32),
            lambda: self._some(_ALPHANUMERIC, 40),
        )

    def _aws(self) -> str:
        return "AKIA" + self._some(string.ascii_uppercase + "234567", 16)

    def _password(self) -> str:
        return str(self._fake.password(length=self._chance.choice([8, 10, 14]), special_chars=False)) + "!"

    def _url(self) -> str:
        scheme = self._chance.choice(["postgresql", "mysql", "mongodb+srv", "redis", "amqp", "https"])
        user, password = self._fake.user_name(), self._some(_ALPHANUMERIC, 14)
        return f"{scheme}://{user}:{password}@{self._fake.domain_name()}/{self._some(string.ascii_lowercase, 6)}"

    def _bitcoin(self) -> str:
        payload = b"\0" + self._chance.randbytes(20)
        raw = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
        number, text = int.from_bytes(raw, "big"), ""
        while number:
            number, digit = divmod(number, 58)
            text = _BASE58[digit] + text
        return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text

    def _pem(self) -> str:
        body = base64.encodebytes(self._chance.randbytes(300)).decode()
        kind = self._chance.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"])
        return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----"

    def _jwt(self) -> str:
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": self._fake.user_name(), "iat": 1_700_000_000}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*encoded, self._some(_ALPHANUMERIC + "-_", 43)])

    def _nino(self) -> str:
        digits = self._some(string.digits, 6)
        lead = self._chance.choice(["AB", "CE", "JK", "PW", "SR"])
        spaced = f"{lead} {digits[:2]} {digits[2:4]} {digits[4:]} C"
        return self._chance.choice([spaced, spaced.replace(" ", "")])

    def _id(self) -> str:
        match self._locale:
            case "en_GB":
                return self._until(lambda: f"943{self._some(string.digits, 7)}", nhs.is_valid, nhs.format)
            case "de_DE":
                return self._until(lambda: self._some(string.digits, 11), idnr.is_valid, idnr.format)
            case "es_ES":
                number = self._chance.randint(10_000_000, 99_999_999)
                return f"{number}{self._chance.choice(['', '-'])}{_LETTERS_OF_DNI[number % 23]}"
            case "pl_PL":
                return str(self._fake.pesel())
            case "pt_BR":
                return str(self._fake.cpf())
            case _:
                return str(self._fake.ssn())

    def _until(self, make: Callable[[], str], valid: Callable[[str], bool], form: Callable[[str], str]) -> str:
        value = make()
        while not valid(value):
            value = make()
        return self._chance.choice([value, form(value)])

    # What must be left alone.

    def _order(self) -> str:
        return self._pick(
            lambda: self._some(string.digits, 8),
            lambda: f"#{self._some(string.digits, 6)}",
            lambda: f"{self._some(string.digits, 3)}-{self._some(string.digits, 7)}-{self._some(string.digits, 7)}",
            lambda: f"ORD-{self._some(string.digits, 10)}",
            lambda: f"INV{self._chance.randint(2015, 2026)}-{self._some(string.digits, 5)}",
        )

    def _tracking(self) -> str:
        return self._pick(lambda: "1Z" + self._some(string.ascii_uppercase + string.digits, 16), self._order)

    def _date(self) -> str:
        moment = self._fake.date_between("-8y", "today")
        return str(moment.strftime(self._chance.choice(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d"])))

    def _year(self) -> str:
        return str(self._chance.randint(1900, 2026))

    def _month(self) -> str:
        return f"{self._fake.month_name()} {self._year()}"

    def _count(self) -> str:
        return str(self._chance.choice([3, 12, 30, 42, 100, 365, 1500]))

    def _bytes(self) -> str:
        number = self._chance.randint(10_000, 9_999_999_999)
        return self._chance.choice([str(number), f"{number:,}", f"{number:,}".replace(",", ".")])

    def _float(self) -> str:
        return f"{self._chance.uniform(0, 1000):.{self._chance.choice([1, 4, 10])}f}"

    def _money(self) -> str:
        amount = self._chance.uniform(1, 200_000)
        return self._chance.choice([f"${amount:,.2f}", f"{amount:.2f} EUR", f"€ {amount:,.0f}".replace(",", ".")])

    def _version(self) -> str:
        return ".".join(str(self._chance.randint(0, 40)) for _ in range(self._chance.choice([2, 3, 4])))

    def _section(self) -> str:
        return ".".join(str(self._chance.randint(1, 14)) for _ in range(self._chance.choice([2, 3, 4])))

    def _isbn(self) -> str:
        return self._pick(self._fake.isbn13, self._fake.isbn10)

    def _uuid(self) -> str:
        return str(self._fake.uuid4())

    def _hash(self) -> str:
        return self._pick(self._fake.sha1, self._fake.sha256, self._fake.md5)

    def _epoch(self) -> str:
        return str(self._chance.randint(1_500_000_000, 1_800_000_000))
