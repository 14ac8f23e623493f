"""What is said of every service that the gateway itself asks while a request waits."""

from enum import StrEnum


class OnFailure(StrEnum):
    """What a service that does not answer in time means."""

    DENY = "deny"
    ALLOW = "allow"
