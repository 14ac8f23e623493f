"""The store's options: what the section means, and mistakes."""

import pytest
from gateway_documents import RIGHT, loaded

from extproc.config.mistakes import ConfigErrors
from extproc.config.model import MemoryOptions, RedisMode, RedisOptions, Secret, TlsOptions
from extproc.config.redacted import redacted_view

ENVIRON = {"REDIS_PASSWORD": "hunter2", "SENTINEL_PASSWORD": "hunter3"}
PEM = {"/tls/ca.pem": b"ca", "/tls/cert.pem": b"cert", "/tls/key.pem": b"key"}


def redis(fields: str) -> str:
    return f"{RIGHT}store: {{redis: {{{fields}}}}}\n"


def test_without_a_section_the_store_is_in_the_worker() -> None:
    assert loaded(RIGHT).store == MemoryOptions()
    assert loaded(RIGHT + "store: {}\n").store == MemoryOptions()


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ("url: redis://localhost", RedisOptions(nodes=(("localhost", 6379),))),
        ("url: redis://10.0.0.1:6380/3", RedisOptions(nodes=(("10.0.0.1", 6380),), database=3)),
        ("url: 'redis://[::1]'", RedisOptions(nodes=(("::1", 6379),))),
        ("url: 'rediss://[::1]:6380'", RedisOptions(nodes=(("::1", 6380),), tls=TlsOptions())),
        ("url: unix:///run/redis.sock", RedisOptions(unix_socket="/run/redis.sock")),
        ("url: unix:///run/redis.sock, database: 2", RedisOptions(unix_socket="/run/redis.sock", database=2)),
        ("nodes: [redis]", RedisOptions(nodes=(("redis", 6379),))),
        (
            "nodes: [a, 'b:7000'], mode: cluster, tls: {}",
            RedisOptions(RedisMode.CLUSTER, (("a", 6379), ("b", 7000)), tls=TlsOptions()),
        ),
        (
            "nodes: [a, 'b:7000'], mode: sentinel, master_name: main",
            RedisOptions(RedisMode.SENTINEL, (("a", 26379), ("b", 7000)), master_name="main"),
        ),
    ],
)
def test_where_redis_is(fields: str, options: RedisOptions) -> None:
    assert loaded(redis(fields)).store == options


COMPLETE = redis(
    "nodes: [s1, s2], mode: sentinel, master_name: main, database: 1, "
    "username: gateway, password: {env: REDIS_PASSWORD}, "
    "sentinel_username: watcher, sentinel_password: {env: SENTINEL_PASSWORD}, "
    "tls: {ca_file: /tls/ca.pem, cert_file: /tls/cert.pem, key_file: /tls/key.pem}, "
    "prefix: gw.prod, timeout_ms: 100, wait_replicas: 1"
)


def test_everything_at_once() -> None:
    assert loaded(COMPLETE, ENVIRON, PEM).store == RedisOptions(
        mode=RedisMode.SENTINEL,
        nodes=(("s1", 26379), ("s2", 26379)),
        master_name="main",
        username="gateway",
        password=Secret("hunter2"),
        sentinel_username="watcher",
        sentinel_password=Secret("hunter3"),
        tls=TlsOptions("/tls/ca.pem", "/tls/cert.pem", "/tls/key.pem"),
        database=1,
        prefix="gw.prod",
        timeout_ms=100,
        wait_replicas=1,
    )


def test_no_password_is_shown() -> None:
    gateway = loaded(COMPLETE, ENVIRON, PEM)
    assert "hunter" not in repr(gateway) + str(redacted_view(gateway))


URL = "must be redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path, without user and password"
STORE = "gateway.yaml:12: store.redis"

MISTAKES = {
    "no place": (redis("prefix: a"), f"{STORE}: must have exactly one of url, nodes"),
    "two places": (redis("url: redis://a, nodes: [a]"), f"{STORE}: must have exactly one of url, nodes"),
    "no nodes": (redis("nodes: []"), f"{STORE}.nodes: must be a list of 1 to 64 nodes"),
    "another scheme": (redis("url: http://localhost"), f"{STORE}.url: {URL}"),
    "password in the url": (redis("url: redis://gateway:hunter2@localhost"), f"{STORE}.url: {URL}"),
    "database of another kind": (redis("url: redis://localhost/main"), f"{STORE}.url: {URL}"),
    "relative socket": (redis("url: unix://redis.sock"), f"{STORE}.url: {URL}"),
    "port out of range": (redis("url: redis://localhost:70000"), f"{STORE}.url: the port must be at most 65535"),
    "node's port out of range": (
        redis("nodes: ['a:1', 'b:65536'], mode: cluster"),
        f"{STORE}.nodes[1]: the port must be at most 65535",
    ),
    "unknown mode": (
        redis("nodes: [a], mode: clustered"),
        f"{STORE}.mode: must be one of single, sentinel, cluster (did you mean 'cluster'?)",
    ),
    "cluster by a url": (
        redis("url: redis://localhost, mode: cluster"),
        f"{STORE}.url: has no meaning for the mode cluster: give nodes",
    ),
    "several nodes of one server": (
        redis("nodes: [a, b]"),
        f"{STORE}.nodes: must be one for the mode single (or say mode: sentinel or cluster)",
    ),
    "sentinels without a master": (
        redis("nodes: [a], mode: sentinel"),
        f"{STORE}: the field 'master_name' is missing, and the mode sentinel needs it",
    ),
    "master without sentinels": (
        redis("nodes: [a], master_name: main"),
        f"{STORE}.master_name: has no meaning for the mode single",
    ),
    "password of no sentinel": (
        redis("nodes: [a], mode: cluster, sentinel_password: {value: x}"),
        f"{STORE}.sentinel_password: has no meaning for the mode cluster",
    ),
    "database given twice": (
        redis("url: redis://localhost/1, database: 1"),
        f"{STORE}.database: is given by the url already",
    ),
    "database of a cluster": (
        redis("nodes: [a], mode: cluster, database: 1"),
        f"{STORE}.database: a cluster has none but 0",
    ),
    "user without a password": (
        redis("url: redis://localhost, username: gateway"),
        f"{STORE}.username: has no meaning without a password",
    ),
    "sentinel's user without a password": (
        redis("nodes: [a], mode: sentinel, master_name: main, sentinel_username: watcher"),
        f"{STORE}.sentinel_username: has no meaning without a sentinel_password",
    ),
    "password as plain text": (
        redis("url: redis://localhost, password: hunter2"),
        f"{STORE}.password: must be a mapping, not text",
    ),
    "password not set": (
        redis("url: redis://localhost, password: {env: NO_PASSWORD}"),
        f"{STORE}.password.env: the environment variable NO_PASSWORD is not set",
    ),
    "TLS to a url without": (
        redis("url: redis://localhost, tls: {}"),
        f"{STORE}.tls: has no meaning for this url: TLS is rediss://",
    ),
    "certificate without its key": (
        redis("nodes: [a], tls: {cert_file: /tls/cert.pem}"),
        f"{STORE}.tls: cert_file and key_file come together",
    ),
    "certificate not there": (
        redis("nodes: [a], tls: {ca_file: /tls/other.pem}"),
        f"{STORE}.tls.ca_file: the file /tls/other.pem cannot be read: No such file or directory",
    ),
    "unfit prefix": (
        redis("nodes: [a], prefix: 'a:b'"),
        f"{STORE}.prefix: must be what all names in the store begin with: 1 to 32 letters, digits, '.', '_' and '-'",
    ),
    "no time at all": (
        redis("nodes: [a], timeout_ms: 1"),
        f"{STORE}.timeout_ms: must be a number of milliseconds from 5 to 5000",
    ),
    "more replicas than there are": (
        redis("nodes: [a], wait_replicas: 6"),
        f"{STORE}.wait_replicas: must be a number of replicas from 0 to 5",
    ),
    "another store": (f"{RIGHT}store: {{postgres: {{}}}}\n", "gateway.yaml:12: store.postgres: there is no such field"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text, files=PEM)
    assert str(caught.value) == message
