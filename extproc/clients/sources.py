"""Which client fetches which credential. Libraries are loaded only where a document needs them."""

from collections.abc import Callable
from importlib.util import find_spec

from extproc.clients.entra import EntraApplicationToken, EntraMachineToken
from extproc.clients.gcp import GcpMachineToken
from extproc.clients.tokens import TokenSource
from extproc.config.model import (
    AwsChain,
    AwsSecret,
    EntraApplication,
    EntraManagedIdentity,
    FetchedCredential,
    Gateway,
    GcpAccount,
    GcpMetadata,
    VaultSecret,
)
from extproc.errors import ConfigError

_EXTRAS = {AwsChain: ("aws", "botocore"), AwsSecret: ("aws", "botocore"), VaultSecret: ("vault", "hvac")}


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def fetched_credentials(gateway: Gateway) -> dict[FetchedCredential, str]:
    """The credentials of a document that are fetched, each with the name of the first backend that has it."""
    named = ((backend.credential, backend.name) for backend in reversed(gateway.backends))
    return {credential: name for credential, name in named if isinstance(credential, FetchedCredential)}


def require_package(
    credential: FetchedCredential, backend: str, is_installed: Callable[[str], bool] = _is_installed
) -> None:
    """Raises ConfigError when the package that a credential needs is not installed."""
    extra, package = _EXTRAS.get(type(credential), ("", ""))
    if package and not is_installed(package):
        raise ConfigError(
            f"the credential of the backend {backend!r} needs the package {package}: install llm-extproc[{extra}]",
            path="backends",
        )


def source_of(credential: FetchedCredential, now: Callable[[], float]) -> TokenSource:
    """The client that fetches a credential. `now` is Unix time in seconds."""
    match credential:
        case GcpMetadata():
            return GcpMachineToken(credential, now)
        case GcpAccount():
            from extproc.clients.gcp_account import GcpAccountToken

            return GcpAccountToken(credential, now)
        case EntraApplication():
            return EntraApplicationToken(credential, now)
        case EntraManagedIdentity():
            return EntraMachineToken(credential, now)
        case AwsChain():
            from extproc.clients.aws import AwsChainKeys

            return AwsChainKeys(credential, now)
        case AwsSecret():
            from extproc.clients.aws import AwsSecretValue

            return AwsSecretValue(credential)
        case VaultSecret():
            from extproc.clients.vault import VaultSecretValue

            return VaultSecretValue(credential)
