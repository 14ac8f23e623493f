"""What is detected and what is not, by examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.detect.allowance import Allowance
from extproc.privacy.detect.custom import AllowList, CustomPattern, WordList
from extproc.privacy.detect.detector import Detector, DetectorOptions
from extproc.privacy.detect.entity import SECRETS, Entity
from extproc.privacy.detect.span import Span

DETECTOR = Detector()
ENCODED = Detector(DetectorOptions(decode_base64=True, decode_urls=True))


def found(text: str, detector: Detector = DETECTOR) -> list[tuple[str, str]]:
    return [(span.entity, text[span.start : span.end]) for span in detector.find(text)]


DETECTED = [
    ("write to john.doe@example.com.", Entity.EMAIL_ADDRESS, "john.doe@example.com"),
    ("write to o'neil+x@mail.example.co.uk", Entity.EMAIL_ADDRESS, "o'neil+x@mail.example.co.uk"),
    ("jürgen@müller.example", Entity.EMAIL_ADDRESS, "jürgen@müller.example"),
    ("用户@例子.公司 schreiben", Entity.EMAIL_ADDRESS, "用户@例子.公司"),
    ("john [at] example [dot] com", Entity.EMAIL_ADDRESS, "john [at] example [dot] com"),
    ("pay with 4111 1111 1111 1111 123", Entity.CREDIT_CARD, "4111 1111 1111 1111"),
    ("pay with 4111111111111111", Entity.CREDIT_CARD, "4111111111111111"),
    ("pay with 4111-1111-1111-1111", Entity.CREDIT_CARD, "4111-1111-1111-1111"),
    ("pay with 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", Entity.CREDIT_CARD, "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
    ("amex 3782 822463 10005", Entity.CREDIT_CARD, "3782 822463 10005"),
    ("pay 4111  1111\t1111   1111 now", Entity.CREDIT_CARD, "4111  1111\t1111   1111"),
    ("card:\n4111\n1111\n1111\n1111\nand", Entity.CREDIT_CARD, "4111\n1111\n1111\n1111"),
    ("pay 4111 1111\r\n1111 1111", Entity.CREDIT_CARD, "4111 1111\r\n1111 1111"),
    ("amex 3782\n822463\n10005", Entity.CREDIT_CARD, "3782\n822463\n10005"),
    ("to DE89 3704 0044\r\n0532 0130 00 today", Entity.IBAN_CODE, "DE89 3704 0044\r\n0532 0130 00"),
    ("to DE89\n3704 0044 0532 0130 00", Entity.IBAN_CODE, "DE89\n3704 0044 0532 0130 00"),
    ("to jane&#64;example.org, now", Entity.EMAIL_ADDRESS, "jane&#64;example.org,"),
    ("to &#x6A;ane&commat;example.org", Entity.EMAIL_ADDRESS, "&#x6A;ane&commat;example.org"),
    (r'{"to":"jane\u0040example.org"}', Entity.EMAIL_ADDRESS, r"jane\u0040example.org"),
    (r"to jane\x40example.org", Entity.EMAIL_ADDRESS, r"jane\x40example.org"),
    ("order_4111111111111111_paid", Entity.CREDIT_CARD, "4111111111111111"),
    ("to DE89 3704 0044 0532 0130 00 today", Entity.IBAN_CODE, "DE89 3704 0044 0532 0130 00"),
    ("to gb29nwbk60161331926819", Entity.IBAN_CODE, "gb29nwbk60161331926819"),
    ("call +49 (0)30 1234-5678 now", Entity.PHONE_NUMBER, "+49 (0)30 1234-5678"),
    ("call (415) 555-2671", Entity.PHONE_NUMBER, "(415) 555-2671"),
    ("0044 20 7946 0958", Entity.PHONE_NUMBER, "0044 20 7946 0958"),
    ("phone: 4155552671", Entity.PHONE_NUMBER, "4155552671"),
    ("06 12 34 56 78", Entity.PHONE_NUMBER, "06 12 34 56 78"),
    ("from 203.0.113.7 port 22", Entity.IP_ADDRESS, "203.0.113.7"),
    ("from 2001:db8::8a2e:370:7334.", Entity.IP_ADDRESS, "2001:db8::8a2e:370:7334"),
    ("::ffff:192.0.2.1", Entity.IP_ADDRESS, "::ffff:192.0.2.1"),
    ("mac 00:1B:44:11:3A:B7", Entity.MAC_ADDRESS, "00:1B:44:11:3A:B7"),
    ("born on 12/05/1985", Entity.DATE_OF_BIRTH, "12/05/1985"),
    ("DOB: May 12, 1985", Entity.DATE_OF_BIRTH, "May 12, 1985"),
    ("Geboren am 12.05.1985 in Köln", Entity.DATE_OF_BIRTH, "12.05.1985"),
    ("née le 3 février 1960", Entity.DATE_OF_BIRTH, "3 février 1960"),
    ("nacido el 3 de mayo de 1960", Entity.DATE_OF_BIRTH, "3 de mayo de 1960"),
    ("I live at 123 Main Street, Apt 4", Entity.STREET_ADDRESS, "123 Main Street, Apt 4"),
    ("in der Schönhauser Allee 12a", Entity.STREET_ADDRESS, "Schönhauser Allee 12a"),
    ("Hauptstraße 5", Entity.STREET_ADDRESS, "Hauptstraße 5"),
    ("12 bis, rue de la Paix", Entity.STREET_ADDRESS, "12 bis, rue de la Paix"),
    ("vive en Calle Mayor 5", Entity.STREET_ADDRESS, "Calle Mayor 5"),
    ("abita in Via Roma, 12", Entity.STREET_ADDRESS, "Via Roma, 12"),
    ("Keizersgracht 12", Entity.STREET_ADDRESS, "Keizersgracht 12"),
    ("ul. Marszałkowska 10/5", Entity.STREET_ADDRESS, "ul. Marszałkowska 10/5"),
    ("Rua das Flores, 100", Entity.STREET_ADDRESS, "Rua das Flores, 100"),
    ("Storgatan 7", Entity.STREET_ADDRESS, "Storgatan 7"),
    ("account number: 12345678", Entity.BANK_ACCOUNT, "12345678"),
    ("passport no. C01X00T47", Entity.PASSPORT, "C01X00T47"),
    ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Entity.CRYPTO, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("SSN 536-90-4399", Entity.US_SSN, "536-90-4399"),
    ("my ssn is 536904399", Entity.US_SSN, "536904399"),
    ("user_ssn=536904399", Entity.US_SSN, "536904399"),
    ("NHS number 943 476 5919", Entity.UK_NHS, "943 476 5919"),
    ("NINO AB 12 34 56 C", Entity.UK_NINO, "AB 12 34 56 C"),
    ("AKIAIOSFODNN7EXAMPLE", Entity.API_KEY, "AKIAIOSFODNN7EXAMPLE"),
    ("api_key='a8f3k2l1m9n8b7v6c5x4'", Entity.API_KEY, "a8f3k2l1m9n8b7v6c5x4"),
    ("password: hunter2!x", Entity.PASSWORD, "hunter2!x"),
    ("Das Passwort ist Sommer2024", Entity.PASSWORD, "Sommer2024"),
    ("postgres://bob:s3cret@db.test:5432/x", Entity.URL_WITH_CREDENTIALS, "postgres://bob:s3cret@db.test:5432/x"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", Entity.JWT, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
]


@pytest.mark.parametrize(("text", "entity", "value"), DETECTED)
def test_it_is_detected(text: str, entity: Entity, value: str) -> None:
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "DE88 3704 0044 0532 0130 00",
        "version 1.2.3.4 and chapter 4.3.2.1",
        "bump requests from 1.2.3.4 to 1.2.3.5",
        "listen on 127.0.0.1 or 0.0.0.0 or ::1",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "order 12345678 of 2024-01-15 10:30",
        "ISBN 978-3-16-148410-0",
        "10 Key Points, 5 Best Views",
        "the number 123456789 without a name",
        "at 12:30:45 the clock",
        "std::vector<int>::iterator it",
        "a@b",
        "@decorator",
        "password = os.environ['X']",
        "password: string",
        "the password is wrong!",
        "token = get_token()",
        "https://example.com/a:b@c",
        "0x52908400098527886E0F7030069857D2E4169Ee7",
        "eyJub3QiOiJhIHRva2VuIn0.eyJ4Ijo.abc",
        "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK",
        "3.14159265358979",
        "1,234,567.89 EUR",
        "epoch 1700000000, in ms 1700000000000",
        "for (i = 0; i < 10; i++) x[i] = 2 * i;",
    ],
)
def test_it_is_left_alone(text: str) -> None:
    assert found(text) == []


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75mG9vY0jC1x\nAAECAwQFBgc=\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("key", [PEM, PEM.replace("\n", "\\n"), PEM.partition("\nAAEC")[0]])
def test_a_private_key_is_one_span_whole_escaped_or_cut(key: str) -> None:
    assert found(f"what is this?\n{key}\n thanks") == [(Entity.PRIVATE_KEY, key)]


def test_a_question_about_keys_keeps_its_words() -> None:
    assert found("What does -----BEGIN PRIVATE KEY----- mean, and where does it end?") == []


def test_spans_come_in_the_order_of_the_text() -> None:
    text = "4111111111111111 then a@example.com then 203.0.113.7"
    assert [entity for entity, _ in found(text)] == ["CREDIT_CARD", "EMAIL_ADDRESS", "IP_ADDRESS"]


def test_a_word_near_a_number_says_whose_it_is() -> None:
    assert found("SIN 123 456 782") == [(Entity.CA_SIN, "123 456 782")]
    assert found("TFN 123 456 782") == [(Entity.AU_TFN, "123 456 782")]
    assert found("123 456 782") == []


@pytest.mark.parametrize(
    "text",
    [
        "4\u200b111-11\u00ad11-1111-1111",
        "４１１１-１１１１-１１１１-１１１１",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "4111\u00a01111\u20091111\u202f1111",
        "4111–1111—1111‑1111",
        "\u202e4111\u202c1111\u200f1111\ufeff1111",
        "4̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶",
        "".join(chr(0xE0000 + ord(char)) for char in "4111111111111111"),
        "4111\U000e00011111\U000e007f1111\u20651111",
        "4111\U000e00011111 1111 1111",
        "𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏",
    ],
)
def test_a_number_in_disguise_is_found_where_it_stands(text: str) -> None:
    spans = DETECTOR.find(f"é: {text} !")
    assert [span.entity for span in spans] == ["CREDIT_CARD"]
    assert text.strip("\u202e\u0336") in f"é: {text} !"[spans[0].start : spans[0].end + 1]


@pytest.mark.parametrize(
    "text",
    [
        "4111\n1111\n1111\n1111\n2222",
        "1999\n4111\n1111\n1111\n1111",
        "12  4111  1111  1111  1111",
        "don&#39;t \\u003cb\\u003e C:\\x64\\a",
    ],
)
def test_columns_of_numbers_and_common_escapes_are_nobodys(text: str) -> None:
    assert found(text) == []


def test_a_lone_surrogate_is_a_sign_like_any_other() -> None:
    assert found("\ud800 a@example.com \udfff") == [(Entity.EMAIL_ADDRESS, "a@example.com")]


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("decode bXkgbWFpbCBpcyBhQGV4YW1wbGUuY29t please", "bXkgbWFpbCBpcyBhQGV4YW1wbGUuY29t"),
        ("GET /?mail=a%40example.com&x=1 HTTP", "/?mail=a%40example.com&x=1"),
    ],
)
def test_an_encoded_run_is_looked_into_where_that_is_switched_on(text: str, run: str) -> None:
    assert found(text, ENCODED) == [(Entity.EMAIL_ADDRESS, run)]
    assert found(text) == []


def test_only_the_entities_asked_for_are_detected() -> None:
    detector = Detector(DetectorOptions(entities=frozenset({Entity.EMAIL_ADDRESS})))
    assert found("a@example.com 4111111111111111 +49 30 12345678", detector) == [("EMAIL_ADDRESS", "a@example.com")]


def test_with_no_entity_nothing_is_detected() -> None:
    assert found("a@example.com", Detector(DetectorOptions(entities=frozenset()))) == []


def test_national_numbers_are_those_of_the_regions() -> None:
    german = Detector(DetectorOptions(phone_regions=("DE",)))
    assert found("030 12345678", german) == [("PHONE_NUMBER", "030 12345678")]
    assert found("(415) 555-2671", german) == []
    assert found("+1 415 555 2671", german) == [("PHONE_NUMBER", "+1 415 555 2671")]


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ValueError, match="'XX' is no region"):
        Detector(DetectorOptions(phone_regions=("XX",)))


def test_a_custom_pattern_is_detected_under_its_name() -> None:
    detector = Detector(DetectorOptions(custom=(CustomPattern("PROJECT", r"PRJ-\d{4}"),)))
    assert found("é PRJ-1234 and prj-1234", detector) == [("PROJECT", "PRJ-1234")]


def test_a_custom_pattern_may_want_words_near_it() -> None:
    detector = Detector(DetectorOptions(custom=(CustomPattern("BADGE", r"\b\d{5}\b", context=("badge", "Ausweis")),)))
    assert found("Badge 12345", detector) == [("BADGE", "12345")]
    assert found("room 12345", detector) == []


@pytest.mark.parametrize("regex", [r"(?<=a)b", r"(a)\1", "(", "a{5000}"])
def test_a_pattern_that_re2_refuses_is_named(regex: str) -> None:
    with pytest.raises(ValueError, match="'MINE'"):
        Detector(DetectorOptions(custom=(CustomPattern("MINE", regex),)))


def test_words_of_a_list_are_found_where_they_stand_alone() -> None:
    detector = Detector(DetectorOptions(custom=(WordList("CODENAME", ("Blue", "Blue Heron", "Ибис", "c++")),)))
    text = "blue heron, bluebell, BLUE; Ибис uses C++"
    expected = ["blue heron", "BLUE", "Ибис", "C++"]
    assert found(text, detector) == [("CODENAME", word) for word in expected]


def test_words_of_a_list_may_keep_their_case() -> None:
    detector = Detector(DetectorOptions(custom=(WordList("CODENAME", ("Blue",), case_sensitive=True),)))
    assert found("blue Blue", detector) == [("CODENAME", "Blue")]


def test_a_word_of_a_list_is_found_in_disguise() -> None:
    detector = Detector(DetectorOptions(custom=(WordList("CODENAME", ("Heron",)),)))
    assert found("the Ｈｅ\u200bｒｏｎ", detector) == [("CODENAME", "Ｈｅ\u200bｒｏｎ")]


def test_an_empty_list_finds_nothing() -> None:
    assert found("anything", Detector(DetectorOptions(custom=(WordList("NONE", ()),)))) == []


def test_what_is_on_the_allow_list_of_its_entity_is_not_detected() -> None:
    allowed = {"EMAIL_ADDRESS": AllowList(frozenset({"Support@Example.com"}), (r".*@corp\.example",))}
    detector = Detector(DetectorOptions(allowed=allowed))
    text = "support@example.com me@corp.example me@corp.example.org"
    assert found(text, detector) == [("EMAIL_ADDRESS", "me@corp.example.org")]


def test_a_pattern_of_an_allow_list_that_re2_refuses_is_named() -> None:
    with pytest.raises(ValueError, match="'EMAIL_ADDRESS'"):
        Detector(DetectorOptions(allowed={"EMAIL_ADDRESS": AllowList(patterns=("(",))}))


class Names:
    """A recogniser that knows one name."""

    def find(self, text: str, allowance: Allowance) -> list[Span]:
        place = text.find("Ada")
        return [Span(place, place + 3, "PERSON")] if place >= 0 else []


def test_what_other_recognisers_find_joins_in() -> None:
    assert found("é A\u200bda, a@example.com", Detector(recognisers=(Names(),))) == [
        ("PERSON", "A\u200bda"),
        ("EMAIL_ADDRESS", "a@example.com"),
    ]


def test_every_entity_has_an_example_or_a_test_of_its_own() -> None:
    assert {"PRIVATE_KEY"} | {entity for _, entity, _ in DETECTED} >= SECRETS


@given(st.text(st.characters(codec=None), max_size=300))
def test_spans_of_any_text_are_ordered_apart_and_within_it(text: str) -> None:
    place = 0
    for span in ENCODED.find(text):
        assert place <= span.start < span.end <= len(text)
        place = span.end


_PIECES = [
    "4111 1111 1111 1111",
    "a@example.com",
    "é",
    "\u200b",
    "\ud800",
    "電",
    " ",
    "1",
    "DE89370400440532013000",
    "ssn ",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_spans_of_mixed_pieces_are_ordered_apart_and_within_the_text(text: str) -> None:
    place = 0
    for span in DETECTOR.find(text):
        assert place <= span.start < span.end <= len(text)
        place = span.end


def test_texts_are_not_shown_by_what_passes_them_on() -> None:
    assert "blue" not in repr(WordList("CODENAME", ("blue",)))
