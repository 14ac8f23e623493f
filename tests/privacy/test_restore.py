"""Restoring text: whole, byte by byte, cut at every boundary, and what is never taken for a token."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.privacy.restore import Channel, Escaping, Restorations, Tokens
from extproc.privacy.vault import Vault
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, BOB, vault


def filled() -> Vault:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    one.placeholder(BOB, "PERSON")
    one.placeholder("Zoë", "ADDRESS")
    one.surrogate("10.0.0.1", "IP_ADDRESS")
    one.surrogate("carl@acme.com", "EMAIL_ADDRESS")
    return one


VAULT = filled()
BOB_TOKEN, ZOE_TOKEN, IP_TOKEN, CARL_TOKEN = list(VAULT.values)[1:]
# EMAILADDRESS ends with ADDRESS: what looks like a placeholder of the one looks like one of the other too.
CASES = [
    pytest.param("nothing", "nothing", Restorations(), id="nothing"),
    pytest.param(ANN_TOKEN, ANN, Restorations(1), id="a placeholder alone"),
    pytest.param(f"to {ANN_TOKEN}, {ANN_TOKEN}{ZOE_TOKEN}.", f"to {ANN}, {ANN}Zoë.", Restorations(3), id="several"),
    pytest.param(f"{IP_TOKEN} {CARL_TOKEN}", "10.0.0.1 carl@acme.com", Restorations(2), id="surrogates"),
    pytest.param(ANN_TOKEN.lower() + BOB_TOKEN.title(), ANN + BOB, Restorations(2), id="another case"),
    pytest.param(f"x{ANN_TOKEN}0", f"x{ANN}0", Restorations(1), id="inside a word"),
    pytest.param(f"שלום‏{ANN_TOKEN}​‎!", f"שלום‏{ANN}​‎!", Restorations(1), id="RTL, zero-width"),
    pytest.param(f"\ud83d{ANN_TOKEN}\ude00", f"\ud83d{ANN}\ude00", Restorations(1), id="halves of surrogates"),
    pytest.param("EMAILADDRESS0000000000", "EMAILADDRESS0000000000", Restorations(0, 2), id="invented"),
    pytest.param(ANN_TOKEN[:-1] + "x", ANN_TOKEN[:-1] + "x", Restorations(0, 2), id="altered"),
    pytest.param(ANN_TOKEN[:-1], ANN_TOKEN[:-1], Restorations(0, 0, 1), id="cut off"),
    pytest.param("EMAILADDRESS", "EMAILADDRESS", Restorations(), id="the name alone"),
    pytest.param("EMAIL ADDRESS 7", "EMAIL ADDRESS 7", Restorations(), id="words"),
    pytest.param(ANN_TOKEN[:15] + ANN_TOKEN, ANN_TOKEN[:15] + ANN, Restorations(1, 2), id="begun twice"),
    pytest.param("EMAIL" + ZOE_TOKEN, "EMAILZoë", Restorations(1, 1), id="a name that ends with another"),
    pytest.param(
        ANN_TOKEN.replace("I", "İ"), ANN_TOKEN.replace("I", "İ"), Restorations(0, 1), id="another alphabet's letter"
    ),
    pytest.param(ANN_TOKEN.replace("S", "ſ"), ANN_TOKEN.replace("S", "ſ"), Restorations(), id="a long s"),
    pytest.param(ANN_TOKEN.replace("9", "٩"), ANN_TOKEN.replace("9", "٩"), Restorations(), id="other digits"),
]


def channelled(pieces: list[str], escaping: Escaping = Escaping.NONE) -> tuple[str, Restorations]:
    tokens = Tokens(VAULT)
    channel = Channel(tokens, escaping)
    return "".join(map(channel.feed, pieces)) + channel.finish(), tokens.found


@pytest.mark.parametrize(("text", "restored", "found"), CASES)
class TestTexts:
    def test_whole(self, text: str, restored: str, found: Restorations) -> None:
        tokens = Tokens(VAULT)
        assert (tokens.restore(text), tokens.found) == (restored, found)

    def test_character_by_character(self, text: str, restored: str, found: Restorations) -> None:
        assert channelled(list(text)) == (restored, found)

    def test_cut_at_every_boundary(self, text: str, restored: str, found: Restorations) -> None:
        for cut in range(len(text) + 1):
            assert channelled([text[:cut], "", text[cut:]]) == (restored, found), cut


def test_what_cannot_become_a_token_goes_at_once() -> None:
    channel = Channel(Tokens(VAULT))
    assert channel.feed("Hello P") == "Hello "
    assert channel.feed("aul, EMAIL") == "Paul, "
    assert channel.feed(" me: EMAILADDRESS9") == "EMAIL me: "
    assert channel.held == "EMAILADDRESS9"
    assert channel.feed("9") == "EMAILADDRESS99"


def test_a_token_goes_with_the_character_that_completes_it() -> None:
    channel = Channel(Tokens(VAULT))
    assert [channel.feed(char) for char in ANN_TOKEN] == [""] * (len(ANN_TOKEN) - 1) + [ANN]


def test_a_value_in_json_is_escaped() -> None:
    restored, _ = channelled([f'{{"a": "{BOB_TOKEN}"}}'], Escaping.JSON)
    assert json.loads(restored) == {"a": BOB}


def test_a_value_that_looks_like_a_token_is_not_restored_again() -> None:
    one = vault()
    token = one.placeholder(ANN_TOKEN, "PERSON")
    one.placeholder(ANN, "EMAIL_ADDRESS")
    assert Tokens(one).restore(token) == ANN_TOKEN


def test_the_prompt_of_another_exchange_means_nothing_here() -> None:
    assert Tokens(vault()).restore(ANN_TOKEN) == ANN_TOKEN


@pytest.mark.parametrize(
    ("document", "may_be"),
    [
        (b'{"id":"chatcmpl-1","choices":[{"delta":{"content":"Hello"}}]}', False),
        (b'{"type":"text_delta","role":"assistant"}', False),
        (b'{"content":"EMAILADDRESS957d1fe6d2"}', True),
        (b'{"content":"to E"}', True),
        (b'{"content":"to e\\n"}', False),
        (b'{"content":"\\u0045mail"}', True),
        (b'{"content":"caf\\u00e9"}', False),
    ],
)
def test_the_search_in_raw_bytes(document: bytes, may_be: bool) -> None:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    assert Tokens(one).may_be_in(document) is may_be


TOKENS = (ANN_TOKEN, BOB_TOKEN, ZOE_TOKEN, IP_TOKEN, CARL_TOKEN)
FRAGMENTS = st.one_of(
    st.sampled_from(TOKENS),
    st.sampled_from(TOKENS).flatmap(lambda token: st.integers(1, len(token)).map(lambda at: token[:at])),
    st.sampled_from(TOKENS).flatmap(lambda token: st.integers(1, len(token)).map(lambda at: token[at:])),
    st.sampled_from(TOKENS).map(str.swapcase),
    st.sampled_from(["EMAILADDRESS0000000000", "PERSON1", "E", "192.0.2", "\\", '"', " ", "​", "‮"]),
    st.text(max_size=5),
)
TEXTS = st.lists(FRAGMENTS, max_size=8).map("".join)


@given(TEXTS, st.data(), st.sampled_from(Escaping))
def test_any_cut_gives_the_same_and_holds_back_no_more_than_it_must(
    text: str, data: st.DataObject, escaping: Escaping
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    tokens, whole = Tokens(VAULT), Tokens(VAULT)
    channel = Channel(tokens, escaping)
    restored = ""
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        restored += channel.feed(text[start:end])
        assert len(channel.held) < tokens.longest
        assert text[:end].endswith(channel.held)
        assert channel.held == "" or any(token.lower().startswith(channel.held.lower()) for token in TOKENS)
    assert restored + channel.finish() == whole.restore(text, escaping)
    assert tokens.found == whole.found


@given(TEXTS)
def test_a_text_without_tokens_is_itself(text: str) -> None:
    if not any(token.lower() in text.lower() for token in TOKENS):
        assert Tokens(VAULT).restore(text) == text
