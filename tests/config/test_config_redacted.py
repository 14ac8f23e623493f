"""What administrators and logs see of the configuration."""

import json
import string

import pytest
from gateway_documents import DIGEST, SALT, loaded
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.keys import digest
from extproc.config.redacted import redacted_view
from extproc.errors import ConfigError

LETTERS = string.ascii_letters + string.digits + "-_./+=~!"
secrets = st.lists(
    st.text(LETTERS, min_size=12, max_size=40).map("s3cr3t".__add__), min_size=6, max_size=6, unique=True
)

DOCUMENT = f"""\
version: 1
backends:
  - {{name: a, schema: openai, credential: {{env: SECRET_0}}, headers: {{x-one: {{env: SECRET_1}}}}}}
  - {{name: b, schema: openai, credential: {{file: /secret}}, headers: {{x-two: %s}}}}
  - {{name: c, schema: anthropic, credential: {{value: %s}}}}
models:
  - {{name: gpt-4o, targets: [a, b, c]}}
keys:
  salt: {SALT}
  entries:
    - {{alias: dev, digest: {DIGEST}, team: platform, models: [gpt-4o], expires: 2027-01-01}}
    - {{alias: ci, secret: {{env: SECRET_5}}}}
passthrough: a
accounting: {{prices: [{{provider: openai, model: x, input: "2.50", output: 10}}]}}
"""


def environment(values: list[str]) -> dict[str, str]:
    return {f"SECRET_{index}": value for index, value in enumerate(values)}


@given(secrets)
def test_no_secret_is_in_the_view_nor_in_the_representation(values: list[str]) -> None:
    text = DOCUMENT % (json.dumps(values[3]), json.dumps(values[4]))
    gateway = loaded(text, environment(values), {"/secret": values[2].encode()})
    shown = json.dumps(redacted_view(gateway)) + repr(gateway) + str(gateway)
    hidden = [*values, SALT, repr(bytes.fromhex(SALT)), DIGEST, digest(bytes.fromhex(SALT), values[5])]
    assert [value for value in hidden if value in shown] == []


WRONG = [
    ("credential: {env: SECRET_0}", "credential: {env: %s}"),
    ("credential: {env: SECRET_0}", "credential: %s"),
    ("credential: {env: SECRET_0}", "credential: [%s]"),
    ("credential: {env: SECRET_0}", "credential: {file: %s}"),
    ("credential: {env: SECRET_0}", 'credential: {value: "%s\\n2"}'),
    ("credential: {env: SECRET_0}", "credential: {value: %s, env: X}"),
    ("{env: SECRET_1}", '"%s\\n2"'),
    (f"digest: {DIGEST}", "digest: %s"),
    (f"digest: {DIGEST}", "secret: {value: %s 2}"),
    (f"salt: {SALT}", "salt: %s"),
    ("version: 1", "version: %s"),
    ("version: 1", "version: 1\nlimits: %s"),
    ("version: 1", "version: [%s"),
    ("version: 1", "version: !%s x"),
]


@pytest.mark.parametrize(("right", "wrong"), WRONG)
def test_no_message_quotes_a_secret_in_the_wrong_place(right: str, wrong: str) -> None:
    text = (DOCUMENT % ("h", "v")).replace(right, wrong % "s3cr3t-0123456789")
    with pytest.raises(ConfigError) as caught:
        loaded(text, environment(["a", "b", "c", "d", "e", "f"]), {"/secret": b"x"})
    assert "s3cr3t" not in str(caught.value) + repr(caught.value)


def test_the_view() -> None:
    text = f"""\
version: 1
backends:
  - {{name: a, schema: openai, credential: {{value: s}}, headers: {{x-one: v}}}}
models:
  - {{name: "gpt-*", targets: [a]}}
keys:
  salt: {SALT}
  entries:
    - {{alias: dev, digest: {DIGEST}, team: platform, models: ["gpt-*"], expires: 2027-01-01}}
accounting: {{prices: [{{provider: openai, model: x, input: "2.50", output: 10}}]}}
"""
    gateway = loaded(text)
    assert redacted_view(gateway) == {
        "version": gateway.version,
        "backends": [
            {
                "name": "a",
                "cluster": "a",
                "provider": "openai",
                "schema": "openai",
                "authority": "api.openai.com",
                "base_path": "/v1",
                "credential": "***",
                "api_version": None,
                "region": None,
                "project": None,
                "prompt_caching": {"system": False, "tools": False},
                "headers": {"x-one": "***"},
                "unsupported": "error",
                "max_tokens_default": 4096,
            }
        ],
        "models": [{"name": "gpt-*", "targets": [{"backend": "a", "model": "gpt-*"}]}],
        "keys": [
            {
                "alias": "dev",
                "user": "",
                "team": "platform",
                "models": ["gpt-*"],
                "endpoints": ["*"],
                "aliases": {},
                "networks": [],
                "tags": [],
                "blocked": False,
                "expires": "2027-01-01T00:00:00+00:00",
            },
        ],
        "registry": False,
        "passthrough": None,
        "organisations": [],
        "teams": [],
        "identities": [],
        "store": {},
        "limits": {"max_request_bytes": 33554432, "rules": []},
        "budgets": [],
        "accounting": {
            "usage_extraction": "frames",
            "unknown_price": "allow",
            "default_price": None,
            "prices": [{"provider": "openai", "model": "x", "input": "2.5", "output": "10"}],
            "budget_status": 402,
            "quantum_tokens": 256,
        },
        "admin": {"tokens": []},
        "privacy": None,
        "guardrails": None,
        "cache": None,
    }


def test_the_view_of_callers() -> None:
    view = redacted_view(
        loaded(
            f"""\
version: 1
backends: [{{name: a, schema: openai}}]
models: [{{name: gpt-4o, targets: [a]}}]
organisations: [{{name: acme, tags: [eu], metadata: {{owner: ann}}}}]
teams: [{{name: research, organisation: acme, metadata: {{owner: ann}}}}]
identities:
  - {{name: staff, jwt: {{provider: corp, claims: {{aud: llm}}}}, user: "{{email}}", tags: [staff]}}
  - {{name: w, spiffe: "spiffe://prod.example/*", team: "{{1}}"}}
keys:
  salt: {SALT}
  registry: true
  entries:
    - alias: dev
      digest: {DIGEST}
      aliases: {{fast: gpt-4o}}
      networks: [10.0.0.0/8]
      metadata: {{owner: ann}}
admin: {{tokens: [{{value: s3cr3t-0123456789}}]}}
"""
        )
    )
    assert (view["registry"], view["admin"]) == (True, {"tokens": ["***"]})
    assert view["organisations"] == [{"name": "acme", "tags": ["eu"]}]
    assert view["teams"] == [
        {
            "name": "research",
            "organisation": "acme",
            "models": ["*"],
            "endpoints": ["*"],
            "tags": [],
            "blocked": False,
        }
    ]
    everything = {"models": ["*"], "endpoints": ["*"]}
    assert view["identities"] == [
        {
            "name": "staff",
            "jwt": {"provider": "corp", "claims": {"aud": "llm"}},
            "user": "{email}",
            "team": "",
            "tags": ["staff"],
            **everything,
        },
        {"name": "w", "spiffe": "spiffe://prod.example/*", "user": "", "team": "{1}", "tags": [], **everything},
    ]
    assert (view["keys"][0]["aliases"], view["keys"][0]["networks"]) == ({"fast": "gpt-4o"}, ["10.0.0.0/8"])
    assert "ann" not in json.dumps(view)


def test_the_view_of_rules() -> None:
    view = redacted_view(
        loaded(
            f"""\
version: 1
backends: [{{name: a, schema: openai}}]
models: [{{name: gpt-4o, targets: [a]}}]
keys: {{salt: {SALT}, entries: [{{alias: dev, digest: {DIGEST}}}]}}
limits: {{rules: [{{name: l, scope: team, of: x, requests: {{amount: 1, per: minute, burst: 2}}, concurrent: 3}}]}}
budgets:
  - {{name: total, scope: gateway, amount: "0.50", window: total, soft: [80]}}
  - {{name: day, scope: user, tokens: 7, window: {{rolling: 24h}}}}
  - {{name: month, scope: user, output_tokens: 9, window: {{calendar: month}}}}
accounting: {{unknown_price: default, default_price: {{input: "2.50", output: 10}}}}
"""
        )
    )
    of_team = {"scope": "team", "of": "x", "models": ["*"], "mode": "enforce", "store_away": "local", "local_share": 10}
    assert view["limits"]["rules"] == [
        {"name": "l.requests", **of_team, "requests": {"amount": 1, "seconds": 60, "burst": 2}},
        {"name": "l.concurrent", **of_team, "concurrent": 3},
    ]
    budgets = view["budgets"]
    assert budgets[0] == {
        "name": "total",
        "scope": "gateway",
        "of": "*",
        "models": ["*"],
        "mode": "enforce",
        "store_away": "deny",
        "local_share": 10,
        "amount": "0.5",
        "window": "total",
        "soft": [80],
    }
    assert [(each.get("tokens"), each.get("output_tokens"), each["window"]) for each in budgets[1:]] == [
        (7, None, {"rolling": "86400s"}),
        (None, 9, {"calendar": "month", "time_zone": "UTC"}),
    ]
    assert view["accounting"]["default_price"] == {"input": "2.5", "output": "10"}


def test_the_view_of_the_store() -> None:
    text = f"""\
version: 1
backends: [{{name: a, schema: openai}}]
models: [{{name: gpt-4o, targets: [a]}}]
keys: {{salt: {SALT}, entries: [{{alias: dev, digest: {DIGEST}}}]}}
store: {{redis: {{url: "rediss://[::1]:6380/2", username: gateway, password: {{value: s3cr3t}}}}}}
"""
    assert redacted_view(loaded(text))["store"] == {
        "redis": {
            "mode": "single",
            "nodes": ["[::1]:6380"],
            "unix_socket": None,
            "master_name": None,
            "database": 2,
            "username": "gateway",
            "password": "***",
            "sentinel_username": None,
            "sentinel_password": None,
            "tls": {"ca_file": None, "cert_file": None, "key_file": None},
            "prefix": "llm",
            "timeout_ms": 50,
            "wait_replicas": 0,
        }
    }
