"""Checksums of Bitcoin and Ethereum, by the examples of their specifications."""

import pytest

from extproc.privacy.detect.crypto import bitcoin, ethereum, keccak_256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_keccak(data: bytes, digest: str) -> None:
    assert keccak_256(data).hex() == digest


@pytest.mark.parametrize(
    "address",
    [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ],
)
def test_a_bitcoin_address_with_a_wrong_letter_is_none(address: str) -> None:
    assert bitcoin(address)
    assert not bitcoin(address[:-1] + ("x" if address[-1] != "x" else "y"))


@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
    ],
)
def test_an_ethereum_address_has_the_right_case_or_one_case(address: str) -> None:
    assert ethereum(address)


def test_an_ethereum_address_of_wrong_case_is_none() -> None:
    assert not ethereum("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD")
