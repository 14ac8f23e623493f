"""The section `privacy`, from its entries in the document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from extproc.config.credentials import SecretReader, decoded_key
from extproc.config.document import SecretSource
from extproc.config.document_privacy import (
    PHONE_REGIONS,
    PatternEntry,
    PrivacyPolicyEntry,
    PrivacyRuleEntry,
    PrivacySection,
    WordsEntry,
)
from extproc.config.entities import ALL, ALL_SECRETS, ENTITIES, SECRETS
from extproc.config.mistakes import Mistakes
from extproc.config.named import Named, Served
from extproc.config.privacy import EntityAction, EntityPattern, EntityWords, Privacy, PrivacyPolicy, PrivacyRule
from extproc.config.privacy_recognisers import build_recogniser
from extproc.config.rules import duration

_KEY_BYTES = 32
_LONGEST_SECONDS = 30 * 86_400
_Entry = TypeVar("_Entry")


class PrivacyBuilder:
    """Makes the section; what is wrong with it goes to `mistakes`. `teams` and `keys` are those that may be named."""

    def __init__(self, section: PrivacySection, teams: Named, keys: Named, served: Served, mistakes: Mistakes) -> None:
        self._section = section
        self._own = tuple(dict.fromkeys(_own_names(section)))
        self._policies = Named("privacy policy", (policy.name for policy in section.policies))
        self._teams = teams
        self._keys = keys
        self._served = served
        self._mistakes = mistakes

    def build(self, secrets: SecretReader) -> Privacy:
        section = self._section
        self._check_regions(section.phone_regions)
        return Privacy(
            key=_key(section.key, secrets, self._mistakes),
            policies=tuple(self._policy(entry, at) for entry, at in _placed(section.policies, "policies")),
            rules=tuple(self._rule(entry, at) for entry, at in _placed(section.apply, "apply")),
            phone_regions=section.phone_regions,
            patterns=tuple(self._pattern(entry, at) for entry, at in _placed(section.patterns, "patterns")),
            words=tuple(self._words(entry, at) for entry, at in _placed(section.words, "words")),
            max_characters=section.max_characters,
            secret_rules=section.secret_rules,
            recognisers=tuple(
                build_recogniser(entry, at, secrets, self._mistakes)
                for entry, at in _placed(section.recognisers, "recognisers")
            ),
        )

    def _pattern(self, entry: PatternEntry, path: str) -> EntityPattern:
        self._check_own_name(entry.name, path)
        self._check_regex(entry.regex, f"{path}.regex")
        return EntityPattern(entry.name, entry.regex, entry.context, entry.case_sensitive)

    def _words(self, entry: WordsEntry, path: str) -> EntityWords:
        self._check_own_name(entry.name, path)
        return EntityWords(entry.name, entry.words, entry.case_sensitive)

    def _policy(self, entry: PrivacyPolicyEntry, path: str) -> PrivacyPolicy:
        for name in entry.entities:
            if name not in (ALL, ALL_SECRETS):
                self._check_entity(name, f"{path}.entities.{name}")
        for name in entry.allow:
            self._check_entity(name, f"{path}.allow.{name}")
        if not entry.entities:
            self._mistakes.add(f"{path}.entities", "names nothing, so that nothing would be detected")
        return PrivacyPolicy(
            name=entry.name,
            entities=tuple(self._filled_in(entry.entities)),
            allow=tuple(entry.allow.items()),
            decode=frozenset(entry.decode),
            mode=entry.mode,
            restore=entry.restore,
            unreadable=entry.unreadable,
            keep_seconds=self._kept(entry, f"{path}.keep_mapping"),
        )

    def _kept(self, entry: PrivacyPolicyEntry, path: str) -> int:
        if entry.keep_mapping is None:
            return 0
        if not entry.restore:
            self._mistakes.add(path, "is of no use where nothing is restored")
        seconds = duration(entry.keep_mapping)
        if seconds > _LONGEST_SECONDS:
            self._mistakes.add(path, "must be at most 30d")
        return seconds

    def _rule(self, entry: PrivacyRuleEntry, path: str) -> PrivacyRule:
        self._policies.check(entry.policy, f"{path}.policy", self._mistakes)
        for index, team in enumerate(entry.teams):
            self._teams.check(team, f"{path}.teams[{index}]", self._mistakes)
        for index, key in enumerate(entry.keys):
            self._keys.check(key, f"{path}.keys[{index}]", self._mistakes)
        self._served.check_counted(entry.models, f"{path}.models", self._mistakes)
        return PrivacyRule(entry.policy, entry.teams, entry.keys, entry.models)

    def _filled_in(self, entities: Mapping[str, EntityAction]) -> Iterator[tuple[str, EntityAction]]:
        """Every entity that is detected: by its own action, or else its group's."""
        for name in (*ENTITIES, *self._own):
            groups = (name, ALL_SECRETS, ALL) if name in SECRETS else (name, ALL)
            action = next((entities[group] for group in groups if group in entities), None)
            if action is not None:
                yield name, action

    def _check_entity(self, name: str, path: str) -> None:
        known = (*ENTITIES, *self._own)
        if name not in known:
            self._mistakes.add(path, f"there is no entity {name!r}", wrong=name, names=known)

    def _check_own_name(self, name: str, path: str) -> None:
        if name in (*ENTITIES, ALL_SECRETS):
            self._mistakes.add(f"{path}.name", "is the name of something that is built in")

    def _check_regex(self, regex: str, path: str) -> None:
        import re2  # for documents with patterns only

        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(regex, options)
        except re2.error:
            self._mistakes.add(path, "is no regular expression of RE2 (it has no backreferences and no look-around)")

    def _check_regions(self, regions: Sequence[str]) -> None:
        if regions == PHONE_REGIONS:
            return
        from phonenumbers import SUPPORTED_REGIONS  # megabytes, for documents that name regions

        for index, region in enumerate(regions):
            if region not in SUPPORTED_REGIONS:
                path = f"privacy.phone_regions[{index}]"
                self._mistakes.add(path, f"there is no region {region!r}", wrong=region, names=SUPPORTED_REGIONS)


def _own_names(section: PrivacySection) -> Iterator[str]:
    """The entities that are the operator's own."""
    yield from (pattern.name for pattern in section.patterns)
    yield from (words.name for words in section.words)
    for recogniser in section.recognisers:
        yield from (entity for entity in recogniser.entities if entity not in ENTITIES)


def _placed(entries: Sequence[_Entry], name: str) -> Iterator[tuple[_Entry, str]]:
    """Each entry, and where it stands."""
    return ((entry, f"privacy.{name}[{index}]") for index, entry in enumerate(entries))


def _key(source: SecretSource, secrets: SecretReader, mistakes: Mistakes) -> bytes:
    """The key; nothing where `mistakes` has why there is none."""
    text = secrets.read(source, "privacy.key")
    if text is None:
        return b""
    key = decoded_key(text)
    if len(key) < _KEY_BYTES:
        mistakes.add(
            "privacy.key", f"must be at least {_KEY_BYTES} bytes in hex or base64; `openssl rand -hex 32` makes some"
        )
    return key
