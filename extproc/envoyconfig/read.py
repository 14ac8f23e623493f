"""Reads Envoy's YAML: bootstrap documents and the resource files of its file-based discovery.

Anchors and merge keys are expanded (Envoy itself reads no merge keys), field names are in snake case, and every value
knows the file and path it came from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from extproc.envoyconfig import names
from extproc.envoyconfig.finding import Finding
from extproc.envoyconfig.names import Json, type_of
from extproc.envoyconfig.schema import Walk, message_type
from extproc.errors import ConfigError

_BOOTSTRAP = "envoy.config.bootstrap.v3.Bootstrap"


@dataclass(frozen=True)
class Place:
    """A value of a document and where it stands. Reading past the end of what is there gives None, never an error."""

    source: str
    path: str
    value: Any

    def at(self, *keys: str) -> "Place":
        place = self
        for key in keys:
            inner = place.value.get(key) if isinstance(place.value, dict) else None
            shown = f'["{key}"]' if "." in key else f".{key}"
            place = Place(place.source, (place.path + shown).removeprefix("."), inner)
        return place

    def items(self) -> Iterator["Place"]:
        """The elements of a list; nothing if it is none."""
        for index, value in enumerate(self.value if isinstance(self.value, list) else ()):
            yield Place(self.source, f"{self.path}[{index}]", value)

    def get(self, *keys: str) -> Any:
        return self.at(*keys).value

    @property
    def name(self) -> str:
        return str(self.get("name") or "")

    @property
    def type(self) -> str:
        """The type of a message of an open type, or empty."""
        return type_of(self.value) if isinstance(self.value, dict) else ""


@dataclass(frozen=True)
class EnvoyConfig:
    """All documents together, and the unknown fields found on the way."""

    clusters: tuple[Place, ...] = ()
    listeners: tuple[Place, ...] = ()
    findings: tuple[Finding, ...] = ()

    def cluster(self, name: str) -> Place | None:
        return next((cluster for cluster in self.clusters if cluster.name == name), None)


def read(paths: Iterable[Path]) -> EnvoyConfig:
    """Raises ConfigError for a file that cannot be read or is not Envoy's."""
    return combine(parse(_text(path), str(path)) for path in paths)


def parse(text: str, source: str) -> EnvoyConfig:
    """One document. Raises ConfigError, with the line, for what is not YAML."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark is not None else ""
        raise ConfigError("not valid YAML", source=source, path=line) from None
    if not isinstance(document, dict):
        raise ConfigError("not an Envoy configuration: it must be a mapping", source=source)
    return _resources(document, source) if "resources" in document else _bootstrap(document, source)


def combine(configs: Iterable[EnvoyConfig]) -> EnvoyConfig:
    parts = tuple(configs)
    return EnvoyConfig(
        clusters=tuple(cluster for part in parts for cluster in part.clusters),
        listeners=tuple(listener for part in parts for listener in part.listeners),
        findings=tuple(finding for part in parts for finding in part.findings),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source=str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8", source=str(path)) from None


def _bootstrap(document: Json, source: str) -> EnvoyConfig:
    kind = message_type(_BOOTSTRAP)
    if kind is None:
        raise ConfigError("the envoy-data-plane package has no Bootstrap message")
    walk = Walk(source)
    static = Place(source, "", walk.message(document, kind, "")).at("static_resources")
    return EnvoyConfig(
        clusters=tuple(static.at("clusters").items()),
        listeners=tuple(static.at("listeners").items()),
        findings=tuple(walk.findings),
    )


def _resources(document: Json, source: str) -> EnvoyConfig:
    if not isinstance(document["resources"], list):
        raise ConfigError("must be a list", source=source, path="resources")
    walk = Walk(source)
    places = [
        Place(source, f"resources[{index}]", walk.any(resource, f"resources[{index}]"))
        for index, resource in enumerate(document["resources"])
    ]
    return EnvoyConfig(
        clusters=tuple(place for place in places if place.type == names.CLUSTER),
        listeners=tuple(place for place in places if place.type == names.LISTENER),
        findings=tuple(walk.findings),
    )
