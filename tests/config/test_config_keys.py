"""Virtual keys and their digests."""

import re

from extproc.config.keys import digest, new_key


def test_a_new_key_has_only_letters_and_digits_that_look_like_no_other() -> None:
    assert re.fullmatch(r"sk-[1-9A-HJ-NP-Za-km-z]{44}", new_key())


def test_no_two_new_keys_are_the_same() -> None:
    assert len({new_key() for _ in range(100)}) == 100


def test_a_digest_is_hmac_sha256() -> None:
    """RFC 4231, test case 2."""
    assert (
        digest(b"Jefe", "what do ya want for nothing?")
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_another_salt_gives_another_digest() -> None:
    assert digest(b"a", "sk-1") != digest(b"b", "sk-1")


def test_whatever_a_caller_sends_has_a_digest() -> None:
    assert len(digest(b"salt", "")) == len(digest(b"salt", "\udcff\ud800é\x00")) == 64
