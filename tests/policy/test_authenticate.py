"""The key of a request, wherever it stands."""

import pytest

from extproc.policy.authenticate import presented_key


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, ""),
        ({"authorization": "Bearer sk-good"}, "sk-good"),
        ({"authorization": "bearer   sk-good "}, "sk-good"),
        ({"authorization": "sk-good"}, "sk-good"),
        ({"x-api-key": "sk-good"}, "sk-good"),
        ({"api-key": "sk-good"}, "sk-good"),
        ({"x-goog-api-key": " sk-good "}, "sk-good"),
        ({"x-api-key": "Bearer sk-good"}, "sk-good"),
        ({"authorization": "Bearer sk-first", "x-api-key": "sk-second"}, "sk-first"),
        ({"authorization": "Basic dXNlcjpwYXNz", "x-api-key": "sk-good"}, "sk-good"),
        ({"authorization": "Basic dXNlcjpwYXNz", "x-goog-api-key": "sk-good"}, "sk-good"),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a, Signature=b", "api-key": "sk-good"}, "sk-good"),
        ({"authorization": "Bearer", "x-api-key": "sk-good"}, "sk-good"),
        ({"authorization": "Bearer ", "x-api-key": "sk-good"}, "sk-good"),
        ({"authorization": "", "x-api-key": "sk-good"}, "sk-good"),
        ({"authorization": "   ", "x-api-key": " ", "api-key": "sk-good"}, "sk-good"),
        ({"authorization": "Bearer "}, ""),
        ({"authorization": "Basic dXNlcjpwYXNz"}, "Basic dXNlcjpwYXNz"),
        ({"authorization": "Basic dXNlcjpwYXNz", "x-api-key": "Bearer"}, "Basic dXNlcjpwYXNz"),
    ],
)
def test_the_first_header_that_has_a_key_counts(headers: dict[str, str], key: str) -> None:
    assert presented_key(headers) == key
