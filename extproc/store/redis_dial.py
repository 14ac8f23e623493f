"""Connections to Redis, Valkey and Sentinel: addresses, credentials and TLS as the options say. None is open yet."""

import asyncio
from typing import Any

from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from extproc.config.model import RedisOptions, Secret, TlsOptions

Address = tuple[str, int]


def to_server(options: RedisOptions, address: Address) -> AbstractConnection:
    """To one that has the data."""
    return _connection(address, options.tls, options.username, options.password, options.database)


def to_socket(options: RedisOptions, path: str) -> AbstractConnection:
    secrets = _credentials(options.username, options.password)
    return UnixDomainSocketConnection(path=path, db=options.database, **secrets, **_plain())


def to_sentinel(options: RedisOptions, address: Address) -> AbstractConnection:
    return _connection(address, options.tls, options.sentinel_username, options.sentinel_password, 0)


async def ask_once(connection: AbstractConnection, seconds: float, *words: str) -> Any:
    """The answer to one command, and the connection is closed again; None where there is none in time."""
    try:
        async with asyncio.timeout(seconds):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command(*words)
            return await connection.read_response(disable_decoding=True)
    except (RedisError, OSError, TimeoutError):
        return None
    finally:
        await connection.disconnect(nowait=True)


def _connection(
    address: Address, tls: TlsOptions | None, username: str | None, password: Secret | None, database: int
) -> AbstractConnection:
    host, port = address
    kwargs = {"host": host, "port": port, "db": database, **_credentials(username, password), **_plain()}
    if tls is None:
        return Connection(**kwargs)
    return SSLConnection(ssl_ca_certs=tls.ca_file, ssl_certfile=tls.cert_file, ssl_keyfile=tls.key_file, **kwargs)


def _credentials(username: str | None, password: Secret | None) -> dict[str, str | None]:
    return {"username": username, "password": password.reveal() if password else None}


def _plain() -> dict[str, Any]:
    """Nothing that redis-py does beyond the protocol: time limits and retries are the caller's."""
    return {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        "driver_info": None,
    }
