"""Who may call: keys, teams, organisations, identities and administrators; what their entries mean, and mistakes."""

from ipaddress import ip_network

import pytest
from gateway_documents import DIGEST, RIGHT, SALT, changed, loaded

from extproc.config.keys import digest
from extproc.config.limits import Organisation, Team
from extproc.config.mistakes import ConfigErrors
from extproc.config.model import Claim, IdentityRule, Key, Secret

KEYS = RIGHT[RIGHT.index("keys:") :]
ENTRY = f"    - {{alias: dev, digest: {DIGEST}}}\n"
ADMIN = "admin: {tokens: [{value: 0123456789abcdef}]}\n"
WORKLOADS = "{name: w, spiffe: 'spiffe://prod.example/ns/*/sa/*'"


def key(fields: str) -> str:
    return changed(ENTRY, f"    - {{alias: dev, digest: {DIGEST}, {fields}}}\n")


def top(lines: str) -> str:
    return RIGHT + lines + "\n"


def identity(fields: str) -> str:
    return top(f"identities: [{fields}]")


def test_a_complete_key() -> None:
    text = key(
        "user: ann@example.com, team: research, models: ['*'], endpoints: [/v1/embeddings, /v1/files*], "
        "aliases: {fast: gpt-4o}, networks: [10.0.0.0/8, '2001:db8::/32', 192.0.2.7], tags: [ci, nightly], "
        "blocked: true, expires: 2027-01-01, metadata: {cost-centre: '4711 a'}"
    )
    assert loaded(text).keys == (
        Key(
            "dev",
            DIGEST,
            user="ann@example.com",
            team="research",
            models=("*",),
            endpoints=("/v1/embeddings", "/v1/files*"),
            aliases=(("fast", "gpt-4o"),),
            networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"), ip_network("192.0.2.7/32")),
            tags=("ci", "nightly"),
            blocked=True,
            expires=1798761600.0,
            metadata=(("cost-centre", "4711 a"),),
        ),
    )


def test_teams_and_organisations() -> None:
    gateway = loaded(
        top(
            "organisations: [{name: acme, tags: [eu], metadata: {contract: c-1}}]\n"
            "teams: [{name: research, organisation: acme, models: [gpt-4o], endpoints: [/v1/chat/completions], "
            "tags: [lab], blocked: true, metadata: {floor: '3'}}, {name: platform}]"
        )
    )
    assert gateway.organisations == (Organisation("acme", ("eu",), (("contract", "c-1"),)),)
    assert gateway.teams == (
        Team(
            "research",
            organisation="acme",
            models=("gpt-4o",),
            endpoints=("/v1/chat/completions",),
            tags=("lab",),
            blocked=True,
            metadata=(("floor", "3"),),
        ),
        Team("platform"),
    )


def test_without_a_list_of_teams_any_label_will_do() -> None:
    assert loaded(key("team: anybody")).keys[0].team == "anybody"


def test_with_the_registry_a_team_may_be_there() -> None:
    text = changed("  entries:\n", "  registry: true\n  entries:\n").replace("}\n", ", team: theirs}\n")
    gateway = loaded(text + "teams: [{name: ours, organisation: any}]\n" + ADMIN)
    assert gateway.registry
    assert gateway.keys[0].team == "theirs"
    assert gateway.admin_tokens == (Secret("0123456789abcdef"),)


def test_with_the_registry_no_key_need_be_in_the_document() -> None:
    gateway = loaded(RIGHT.replace(KEYS, f"keys: {{salt: {SALT}, registry: true}}\n{ADMIN}"))
    assert (gateway.keys, gateway.registry) == ((), True)


def test_with_identities_there_may_be_no_keys_at_all() -> None:
    gateway = loaded(RIGHT.replace(KEYS, f"identities: [{WORKLOADS}}}]\n"))
    assert (gateway.keys, gateway.key_salt) == ((), b"")


def test_a_secret_is_digested_under_the_salt() -> None:
    gateway = loaded(changed(f"digest: {DIGEST}", "secret: {env: DEV_KEY}"), {"DEV_KEY": "sk-dev"})
    assert gateway.keys[0].digest == digest(bytes.fromhex(SALT), "sk-dev")


def test_identities() -> None:
    gateway = loaded(
        top(
            "identities:\n"
            "  - {name: staff, jwt: {provider: corp, claims: {groups: platform, aud: 'llm*', admin: true, level: 3}}, "
            "user: '{email}', team: platform, tags: ['dept/{org.unit}'], models: [gpt-4o], endpoints: [/v1/models]}\n"
            "  - {name: w, spiffe: 'spiffe://prod.example/ns/*/sa/*', user: '{2}', team: '{1}'}"
        )
    )
    assert gateway.identities == (
        IdentityRule(
            "staff",
            provider="corp",
            claims=(Claim("groups", "platform"), Claim("aud", "llm*"), Claim("admin", "true"), Claim("level", "3")),
            user="{email}",
            team="platform",
            tags=("dept/{org.unit}",),
            models=("gpt-4o",),
            endpoints=("/v1/models",),
        ),
        IdentityRule("w", spiffe="spiffe://prod.example/ns/*/sa/*", user="{2}", team="{1}"),
    )


ALIAS = "must be a name for a model of 1 to 128 letters, digits and '._:/@+~-'"
CIDR = "must be a network in CIDR notation (10.0.0.0/8, 2001:db8::/32) or one address"
PATH = "must be a path such as /v1/embeddings, with a '*' at its end for all that begin so; '*' for all"
LABEL = "must be 1 to 64 letters, digits, '.', '_', '-', '@' and '/' that begin with a letter or digit"
SPIFFE = (
    "must be a SPIFFE id with a trust domain and a path, in which '*' stands for one whole segment "
    "(spiffe://prod.example/ns/*/sa/*)"
)
TEMPLATE = (
    "must be 1 to 64 letters, digits, '.', '_', '-', '@', '/' and placeholders such as {email} or {1}, "
    "of which the first is a letter, a digit or a placeholder"
)
CLAIM = "must be visible ASCII of at most 256 characters, with a '*' at its end at most"
NOBODY = "nobody may call: there are no keys.entries, no keys.registry and no identities"
ENTRIES = "gateway.yaml:11: keys.entries[0]"

MISTAKES = {
    "nobody may call": (RIGHT.replace(KEYS, ""), f"gateway.yaml:1: {NOBODY}"),
    "no entries": (RIGHT.replace(KEYS, f"keys: {{salt: {SALT}}}\n"), f"gateway.yaml:8: keys: {NOBODY}"),
    "empty entries": (
        RIGHT.replace(KEYS, f"keys: {{salt: {SALT}, entries: []}}\n"),
        f"gateway.yaml:8: keys: {NOBODY}",
    ),
    "keys of another type": (
        RIGHT.replace(KEYS, "keys: []\n"),
        "gateway.yaml:8: keys: must be a mapping, not a list",
    ),
    "no salt": (changed(f"  salt: {SALT}\n", ""), "gateway.yaml:8: keys: the field 'salt' is missing"),
    "registry without administrators": (
        changed("  entries:\n", "  registry: true\n  entries:\n"),
        "gateway.yaml:10: keys.registry: needs admin.tokens, or nobody could put a key into the registry",
    ),
    "short admin token": (
        top("admin: {tokens: [{value: sk-admin}]}"),
        "gateway.yaml:12: admin.tokens[0]: a token must be 16 to 512 characters of visible ASCII, no spaces",
    ),
    "admin token with a space": (
        top("admin: {tokens: [{value: 01234567 89abcdef}]}"),
        "gateway.yaml:12: admin.tokens[0]: a token must be 16 to 512 characters of visible ASCII, no spaces",
    ),
    "admin token not set": (
        top("admin: {tokens: [{env: ADMIN_TOKEN}]}"),
        "gateway.yaml:12: admin.tokens[0].env: the environment variable ADMIN_TOKEN is not set",
    ),
    "endpoint without a slash": (key("endpoints: [v1/files]"), f"{ENTRIES}.endpoints[0]: {PATH}"),
    "endpoint with a star within": (key("endpoints: [/v1/*/x]"), f"{ENTRIES}.endpoints[0]: {PATH}"),
    "endpoints empty": (
        key("endpoints: []"),
        f"{ENTRIES}.endpoints: must be a list with at least one path (leave it out for all endpoints)",
    ),
    "alias of no model": (
        key("aliases: {fast: gpt-4}"),
        f"{ENTRIES}.aliases.fast: there is no model 'gpt-4' (did you mean 'gpt-4o'?)",
    ),
    "alias of an alias": (
        key("aliases: {fast: gpt-4o, faster: fast}"),
        f"{ENTRIES}.aliases.faster: there is no model 'fast'",
    ),
    "alias that is a model": (
        key("aliases: {gpt-4o: gpt-4o}"),
        f"{ENTRIES}.aliases.gpt-4o: is the name of a model already",
    ),
    "alias with a star": (key("aliases: {'fast*': gpt-4o}"), f"{ENTRIES}.aliases.fast*: {ALIAS}"),
    "network that is none": (key("networks: [office]"), f"{ENTRIES}.networks[0]: {CIDR}"),
    "network out of range": (key("networks: [10.0.0.0/33]"), f"{ENTRIES}.networks[0]: there is no such network"),
    "network with host bits": (
        key("networks: [10.1.2.3/8]"),
        f"{ENTRIES}.networks[0]: has bits set beyond its prefix (is 10.0.0.0/8 meant?)",
    ),
    "IPv6 network with host bits": (
        key("networks: ['2001:db8::1/32']"),
        f"{ENTRIES}.networks[0]: has bits set beyond its prefix (is 2001:db8::/32 meant?)",
    ),
    "tag given twice": (key("tags: [a, b, a]"), f"{ENTRIES}.tags[2]: is given twice"),
    "unfit tag": (key("tags: ['a b']"), f"{ENTRIES}.tags[0]: {LABEL}"),
    "user unfit for a label": (key("user: 'a b'"), f"{ENTRIES}.user: {LABEL}"),
    "metadata of two lines": (
        key(r'metadata: {note: "a\nb"}'),
        f"{ENTRIES}.metadata.note: must be one line of text of at most 512 characters",
    ),
    "metadata of a number": (
        key("metadata: {floor: 3}"),
        f"{ENTRIES}.metadata.floor: must be text, not a whole number",
    ),
    "key of an unknown team": (
        key("team: reserch") + "teams: [{name: research}]\n",
        f"{ENTRIES}.team: there is no team 'reserch' (did you mean 'research'?)",
    ),
    "team of an unknown organisation": (
        top("organisations: [{name: acme}]\nteams: [{name: research, organisation: acne}]"),
        "gateway.yaml:13: teams[0].organisation: there is no organisation 'acne' (did you mean 'acme'?)",
    ),
    "team's model unknown": (
        top("teams: [{name: research, models: [gpt-40]}]"),
        "gateway.yaml:12: teams[0].models[0]: there is no model 'gpt-40' (did you mean 'gpt-4o'?)",
    ),
    "team named twice": (
        top("teams: [{name: a}, {name: a}]"),
        "gateway.yaml:12: teams[1].name: is the name of teams[0] already",
    ),
    "organisation named twice": (
        top("organisations: [{name: a}, {name: a}]"),
        "gateway.yaml:12: organisations[1].name: is the name of organisations[0] already",
    ),
    "organisation's tag given twice": (
        top("organisations: [{name: a, tags: [x, x]}]"),
        "gateway.yaml:12: organisations[0].tags[1]: is given twice",
    ),
    "identity named twice": (
        identity(f"{WORKLOADS}}}, {WORKLOADS}}}"),
        "gateway.yaml:12: identities[1].name: is the name of identities[0] already",
    ),
    "identity by nothing": (
        identity("{name: a, user: b}"),
        "gateway.yaml:12: identities[0]: must have exactly one of jwt, spiffe",
    ),
    "identity by both": (
        identity(f"{WORKLOADS}, jwt: {{provider: corp}}}}"),
        "gateway.yaml:12: identities[0]: must have exactly one of jwt, spiffe",
    ),
    "token of nobody": (
        identity("{name: a, jwt: {claims: {aud: llm}}}"),
        "gateway.yaml:12: identities[0].jwt: the field 'provider' is missing",
    ),
    "claim with a star within": (
        identity("{name: a, jwt: {provider: corp, claims: {aud: 'a*b'}}}"),
        f"gateway.yaml:12: identities[0].jwt.claims.aud: {CLAIM}",
    ),
    "claim of many values": (
        identity("{name: a, jwt: {provider: corp, claims: {aud: [a, b]}}}"),
        "gateway.yaml:12: identities[0].jwt.claims.aud: must be text or true or false or a whole number, not a list",
    ),
    "unfit name of a claim": (
        identity("{name: a, jwt: {provider: corp, claims: {'a b': c}}}"),
        "gateway.yaml:12: identities[0].jwt.claims.a b: "
        "must be the path of a claim, with dots between names (email, realm_access.roles)",
    ),
    "SPIFFE id of another scheme": (
        identity("{name: a, spiffe: 'https://prod.example/a'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "SPIFFE id without a path": (
        identity("{name: a, spiffe: 'spiffe://prod.example'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "SPIFFE id with an empty segment": (
        identity("{name: a, spiffe: 'spiffe://prod.example/a//b'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "SPIFFE id with a dot segment": (
        identity("{name: a, spiffe: 'spiffe://prod.example/a/../b'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "SPIFFE id with a star within a segment": (
        identity("{name: a, spiffe: 'spiffe://prod.example/ns-*'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "SPIFFE id with a star for the trust domain": (
        identity("{name: a, spiffe: 'spiffe://*/a'}"),
        f"gateway.yaml:12: identities[0].spiffe: {SPIFFE}",
    ),
    "placeholder beyond the stars": (
        identity(f"{WORKLOADS}, user: 'sa-{{3}}'}}"),
        "gateway.yaml:12: identities[0].user: {3} stands for nothing: the SPIFFE id has 2 '*'",
    ),
    "placeholder zero": (
        identity(f"{WORKLOADS}, tags: ['{{0}}']}}"),
        "gateway.yaml:12: identities[0].tags[0]: {0} stands for nothing: the SPIFFE id has 2 '*'",
    ),
    "claim of a SPIFFE id": (
        identity(f"{WORKLOADS}, team: '{{email}}'}}"),
        "gateway.yaml:12: identities[0].team: {email} has no meaning for a SPIFFE id: say {1} for its first '*'",
    ),
    "number for a token": (
        identity("{name: a, jwt: {provider: corp}, user: '{1}'}"),
        "gateway.yaml:12: identities[0].user: {1} has no meaning for a token: name a claim",
    ),
    "open placeholder": (
        identity("{name: a, jwt: {provider: corp}, user: '{email'}"),
        f"gateway.yaml:12: identities[0].user: {TEMPLATE}",
    ),
    "template that can be no label": (
        identity("{name: a, jwt: {provider: corp}, user: '-{email}'}"),
        f"gateway.yaml:12: identities[0].user: {TEMPLATE}",
    ),
    "identity of an unknown team": (
        top("teams: [{name: research}]\nidentities: [{name: a, jwt: {provider: corp}, team: reserch}]"),
        "gateway.yaml:13: identities[0].team: there is no team 'reserch' (did you mean 'research'?)",
    ),
    "identity's model unknown": (
        identity(f"{WORKLOADS}, models: [gpt-40]}}"),
        "gateway.yaml:12: identities[0].models[0]: there is no model 'gpt-40' (did you mean 'gpt-4o'?)",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        loaded(text)
    assert str(caught.value) == message


def test_an_alias_may_be_a_name_that_only_a_wildcard_answers_for() -> None:
    text = RIGHT.replace("- name: gpt-4o", "- name: gpt-*").replace(ENTRY, ENTRY[:-2] + ", aliases: {gpt-x: gpt-5}}\n")
    assert loaded(text).keys[0].aliases == (("gpt-x", "gpt-5"),)
