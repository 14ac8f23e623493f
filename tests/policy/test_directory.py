"""Who a presented key is, by the document and the registry."""

import pytest

from extproc.config.keys import digest, new_registry_key
from extproc.config.limits import Measure, Organisation, Raise, Team
from extproc.config.model import Key
from extproc.errors import StoreUnavailable, Unauthenticated
from extproc.policy.directory import Directory
from extproc.policy.principal import Principal
from extproc.policy.records import Records
from extproc.policy.registry_records import (
    KEY,
    ORGANISATION,
    RAISE,
    TEAM,
    OldDigest,
    OrganisationRecord,
    RaiseRecord,
    TeamRecord,
)
from extproc.store.base import Record
from tests.policy.registry import KEY_ID, PRESENTED, SALT, change, gateway, key_record, one_key, records

NOW = 2000.0
OTHER = new_registry_key(SALT, KEY_ID)
"""The right id, another secret, and the check of a key that was made here."""


def document_key(**more: object) -> Key:
    return Key("dev", digest(SALT, "sk-document"), **more)  # type: ignore[arg-type]


def test_a_key_of_the_document_is_known_by_its_alias() -> None:
    directory = Directory(gateway(keys=(document_key(user="ann", tags=("x",)),)), records())
    assert directory.find("sk-document", NOW) == Principal("dev", "dev", user="ann", tags=("x",), source="document")


def test_a_key_of_the_registry_is_known_by_its_id() -> None:
    directory = Directory(gateway(), one_key(alias="ci", models=("gpt-4o",), networks=("10.0.0.0/8",)))
    caller = directory.find(PRESENTED, NOW)
    assert (caller.id, caller.alias, caller.source, caller.models) == (KEY_ID, "ci", "registry", ("gpt-4o",))
    assert [str(network) for network in caller.networks] == ["10.0.0.0/8"]


def test_a_key_without_an_alias_is_called_by_its_id() -> None:
    assert Directory(gateway(), one_key()).find(PRESENTED, NOW).alias == KEY_ID


@pytest.mark.parametrize(
    ("presented", "message"),
    [
        ("", "No API key was given. Send it as 'Authorization: Bearer <key>'."),
        ("sk-unknown", "The API key is not known here."),
        (OTHER, "The API key is not known here."),
        (PRESENTED[:-1], "The API key is not known here."),
        ("x" * 513, "The API key is not known here."),
        ("\udcff", "The API key is not known here."),
    ],
    ids=["nothing", "unknown", "another", "cut", "too long", "no text"],
)
def test_what_is_no_key_is_refused(presented: str, message: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        Directory(gateway(), one_key()).find(presented, NOW)
    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"blocked": True}, "The API key is blocked."),
        ({"expires": NOW}, "The API key has expired."),
        ({"team": "gone"}, "The caller's team does not exist any more."),
    ],
)
def test_a_key_that_may_not_be_used_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        Directory(gateway(), one_key(**fields)).find(PRESENTED, NOW)
    assert refusal.value.message == message


def test_a_blocked_key_of_the_document_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="blocked"):
        Directory(gateway(keys=(document_key(blocked=True),)), records()).find("sk-document", NOW)


def test_a_replaced_key_is_good_until_its_grace_is_over() -> None:
    replaced = OldDigest(digest=digest(SALT, OTHER), until=NOW + 10)
    directory = Directory(gateway(), one_key(previous=(replaced,)))
    assert directory.find(OTHER, NOW + 9) is directory.find(PRESENTED, NOW)
    with pytest.raises(Unauthenticated):
        directory.find(OTHER, NOW + 10)
    assert directory.find(PRESENTED, NOW + 10).id == KEY_ID


def test_a_team_and_its_organisation_add_what_they_have() -> None:
    document = gateway(
        keys=(document_key(team="research", tags=("a",)),),
        teams=(Team("research", "acme", models=("gpt-4o",), endpoints=("/v1/embeddings",), tags=("a", "b")),),
        organisations=(Organisation("acme", tags=("c",)),),
    )
    caller = Directory(document, records()).find("sk-document", NOW)
    assert (caller.team, caller.organisation, caller.tags) == ("research", "acme", ("a", "b", "c"))
    assert (caller.team_models, caller.team_endpoints) == (("gpt-4o",), ("/v1/embeddings",))


def test_a_team_of_the_registry_brings_its_limits_and_its_key_has_its_own() -> None:
    known = records(
        change(TEAM, "research", TeamRecord(created=1.0, organisation="acme", rpm_limit=100, tags=("t",))),
        change(ORGANISATION, "acme", OrganisationRecord(created=1.0, tags=("o",))),
        change(KEY, KEY_ID, key_record(team="research", max_budget="10.00")),
    )
    caller = Directory(gateway(), known).find(PRESENTED, NOW)
    assert [(rule.scope.value, rule.subject, rule.name) for rule in caller.rules] == [
        ("key", KEY_ID, "max_budget"),
        ("team", "research", "rpm_limit"),
    ]
    assert caller.tags == ("t", "o")


def test_the_documents_team_hides_the_registrys_of_that_name() -> None:
    known = records(
        change(TEAM, "research", TeamRecord(created=1.0, models=("gpt-4o",), rpm_limit=1)),
        change(KEY, KEY_ID, key_record(team="research")),
    )
    caller = Directory(gateway(teams=(Team("research"),)), known).find(PRESENTED, NOW)
    assert (caller.team_models, caller.rules) == (("*",), ())


def test_a_team_that_nobody_knows_is_a_label_to_the_document() -> None:
    caller = Directory(gateway(keys=(document_key(team="some"),)), records()).find("sk-document", NOW)
    assert (caller.team, caller.organisation) == ("some", "")


def test_the_keys_of_a_blocked_team_are_refused() -> None:
    known = records(
        change(TEAM, "research", TeamRecord(created=1.0, blocked=True)),
        change(KEY, KEY_ID, key_record(team="research")),
    )
    with pytest.raises(Unauthenticated, match="The caller's team is blocked"):
        Directory(gateway(), known).find(PRESENTED, NOW)


def test_a_principal_is_the_same_until_something_about_it_changes() -> None:
    known = records(
        change(TEAM, "research", TeamRecord(created=1.0)),
        change(KEY, KEY_ID, key_record(team="research")),
    )
    directory = Directory(gateway(), known)
    first = directory.find(PRESENTED, NOW)
    known.take(change(TEAM, "other", TeamRecord(created=1.0)))
    assert directory.find(PRESENTED, NOW) is first
    known.take(change(TEAM, "research", TeamRecord(created=1.0, models=("gpt-4o",))))
    assert directory.find(PRESENTED, NOW).team_models == ("gpt-4o",)


def test_a_deleted_key_is_not_known_any_more() -> None:
    known = one_key()
    known.take(change(KEY, KEY_ID, None))
    with pytest.raises(Unauthenticated, match="not known"):
        Directory(gateway(), known).find(PRESENTED, NOW)


def test_a_document_that_does_not_want_the_registry_knows_none_of_its_keys() -> None:
    with pytest.raises(Unauthenticated):
        Directory(gateway(registry=False), one_key()).find(PRESENTED, NOW)


def test_before_the_registry_was_heard_of_a_key_made_here_may_be_good() -> None:
    directory = Directory(gateway(), Records())
    with pytest.raises(StoreUnavailable):
        directory.find(PRESENTED, NOW)
    with pytest.raises(Unauthenticated):
        directory.find(PRESENTED[:-1] + ("1" if PRESENTED[-1] != "1" else "2"), NOW)
    assert directory.find("sk-document", NOW).id == "dev"


@pytest.mark.parametrize("data", [b"{", b'{"format":2,"created":1}', b'{"format":1,"created":1,"newer":true}'])
def test_a_team_that_cannot_be_read_has_its_keys_wait(data: bytes) -> None:
    known = records(Record(TEAM, "research", 1, data), change(KEY, KEY_ID, key_record(team="research")))
    with pytest.raises(StoreUnavailable):
        Directory(gateway(), known).find(PRESENTED, NOW)


def test_a_key_whose_limits_make_no_sense_has_to_wait() -> None:
    with pytest.raises(StoreUnavailable):
        Directory(gateway(), one_key(soft_budget="1.00")).find(PRESENTED, NOW)


def test_a_caller_without_a_key_gets_what_its_team_has() -> None:
    directory = Directory(gateway(teams=(Team("research", "acme", models=("gpt-4o",)),)), records())
    base = Principal("staff:ann", "ann", user="ann", team="research", source="jwt")
    caller = directory.enrol(base)
    assert (caller.id, caller.organisation, caller.team_models) == ("staff:ann", "acme", ("gpt-4o",))
    assert directory.enrol(Principal("staff:ann", "ann", user="ann", team="research", source="jwt")) is caller


def test_raises_count_with_or_without_keys_of_the_registry() -> None:
    record = RaiseRecord(budget="b", subject="*", measure=Measure.TOKENS, amount=5, until=3000.0, created=1.0)
    directory = Directory(gateway(registry=False), records(change(RAISE, "r", record)))
    assert directory.raises == (Raise("b", "*", 5, 3000.0),)


def test_no_repr_has_a_digest() -> None:
    known = one_key(alias="ci")
    assert repr(known.keys.record(KEY_ID)) == "KeyRecord(alias='ci')"
