"""A sealed vault opens for who sealed it, and for nobody else."""

import pytest

from extproc.privacy.seal import SealError, open_sealed, seal
from extproc.privacy.surrogate import Surrogates
from tests.privacy.redaction_fakes import ANN, ANN_TOKEN, KEY, vault

NONCE = b"twelve bytes"


def sealed() -> bytes:
    one = vault()
    one.placeholder(ANN, "EMAIL_ADDRESS")
    one.placeholder("\ud83d", "PERSON")
    one.surrogate("10.0.0.1", "IP_ADDRESS")
    return seal(one, KEY, "acme", NONCE)


def test_it_opens_as_it_was() -> None:
    one = open_sealed(sealed(), KEY, "acme", Surrogates().make)
    assert len(one) == 3
    assert one.values[ANN_TOKEN] == ANN
    assert one.placeholder(ANN, "EMAIL_ADDRESS") == ANN_TOKEN
    assert one.values[one.surrogate("10.0.0.1", "IP_ADDRESS")] == "10.0.0.1"
    assert len(one) == 3


def test_it_shows_nothing() -> None:
    assert b"ann" not in sealed()
    assert b"EMAIL" not in sealed()


@pytest.mark.parametrize(
    ("data", "key", "tenant"),
    [
        (sealed(), KEY, "another"),
        (sealed(), b"another tenant's", "acme"),
        (sealed()[:-1] + b"x", KEY, "acme"),
        (b"\x02" + sealed()[1:], KEY, "acme"),
        (sealed()[:9], KEY, "acme"),
        (b"", KEY, "acme"),
    ],
    ids=["tenant", "key", "altered", "version", "cut", "empty"],
)
def test_it_opens_for_nobody_else(data: bytes, key: bytes, tenant: str) -> None:
    with pytest.raises(SealError) as caught:
        open_sealed(data, key, tenant)
    assert "ann" not in str(caught.value)


def test_a_nonce_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        seal(vault(), KEY, "acme", b"short")
