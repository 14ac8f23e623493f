"""The shape of `gateway.yaml`: the fields of services that the gateway itself asks while a request waits."""

from typing import Annotated

from msgspec import Meta

Score = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
ServiceUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]{0,300}(/[!-~]{0,1024})?$",
        description="a URL with http or https, without user and password",
    ),
]
ServiceMilliseconds = Annotated[int, Meta(ge=10, le=4000, description="a number of milliseconds from 10 to 4000")]
