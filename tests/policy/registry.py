"""A registry in memory, and how records of it are made, for tests."""

from extproc.config.keys import digest, new_registry_key
from extproc.config.model import Gateway, Key
from extproc.policy.records import Records
from extproc.policy.registry_records import KEY, AnyRecord, KeyRecord, write
from extproc.store.base import Record

SALT = bytes.fromhex("00112233445566778899aabbccddeeff")
KEY_ID = "1abcdefghijkmnop"
PRESENTED = new_registry_key(SALT, KEY_ID)


def gateway(**more: object) -> Gateway:
    """A document that wants the registry, with one key of its own: `sk-document`, called `dev`."""
    fields: dict[str, object] = {
        "backends": (),
        "models": (),
        "keys": (Key("dev", digest(SALT, "sk-document")),),
        "key_salt": SALT,
        "registry": True,
    }
    return Gateway(**(fields | more))  # type: ignore[arg-type]


def key_record(presented: str = PRESENTED, **more: object) -> KeyRecord:
    return KeyRecord(digest=digest(SALT, presented), created=1000.0, **more)  # type: ignore[arg-type]


def change(kind: str, id: str, record: AnyRecord | None, version: int = 1) -> Record:
    return Record(kind, id, version, None if record is None else write(record))


def records(*changes: Record) -> Records:
    """Records that were loaded."""
    made = Records()
    made.loaded = True
    for each in changes:
        made.take(each)
    return made


def one_key(**more: object) -> Records:
    """Of the key `PRESENTED`."""
    return records(change(KEY, KEY_ID, key_record(PRESENTED, **more)))
