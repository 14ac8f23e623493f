"""`extproc dry-run`: what it says of prompts, and how it exits."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from extproc.cli import main
from tests.integration.documents import document
from tests.integration.gateway import closed_port
from tests.integration.services import Handler, Service

EMAIL = "ann@corp.example.org"
PRIVACY: dict[str, Any] = {
    "key": {"value": "5f" * 32},
    "policies": [{"name": "default", "entities": {"EMAIL_ADDRESS": "mask", "SECRET": "block"}}],
}
GUARDRAILS = {
    "rules": [
        {"name": "codenames", "words": {"denied": ["Bluebird"]}},
        {"name": "trial", "words": {"denied": ["Heron"]}, "mode": "shadow"},
    ]
}


class Analyzer(Service):
    """Presidio's API, for one name."""

    def handlers(self) -> dict[str, Handler]:
        return {"/analyze": self._analyze}

    async def _analyze(self, request: web.Request) -> web.Response:
        at = (await self.note(request))["text"].find("Ann Lee")
        found = [{"entity_type": "PERSON", "start": at, "end": at + 7, "score": 0.85}] if at >= 0 else []
        return web.json_response(found)


def recognising(url: str, **changes: object) -> dict[str, Any]:
    names = {"name": "names", "service": {"url": url}, "entities": ["PERSON"], "timeout_ms": 2000, **changes}
    policy = {"name": "default", "entities": {"PERSON": "mask", "EMAIL_ADDRESS": "mask"}}
    return {"key": PRIVACY["key"], "recognisers": [names], "policies": [policy]}


def dry_run(
    tmp_path: Path,
    *prompts: str,
    options: tuple[str, ...] = ("--policy", "default"),
    privacy: dict[str, Any] = PRIVACY,
) -> int:
    config, file = tmp_path / "gateway.yaml", tmp_path / "prompts.txt"
    config.write_text(yaml.safe_dump(document(privacy=privacy, guardrails=GUARDRAILS)))
    file.write_text("\n".join(prompts))
    return main(["dry-run", "--config", str(config), *options, str(file)])


def test_what_is_found_and_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": f"{EMAIL} and Heron"}], "user": EMAIL})
    assert dry_run(tmp_path, f"Ask {EMAIL}", "Hello", "", body) == 0
    out = capsys.readouterr().out
    assert out == (
        "1: EMAIL_ADDRESS=1 mask\n"
        "2: nothing\n"
        "3: EMAIL_ADDRESS=2 mask, trial=1 block (shadow)\n"
        "EMAIL_ADDRESS       3  mask\n"
        "trial               1  block (shadow)\n"
        "0 refused\n"
    )


def test_what_would_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(tmp_path, f"Ask {EMAIL}", options=("--policy", "default", "--show")) == 0
    assert capsys.readouterr().out.splitlines()[1] == "   Ask <EMAIL_ADDRESS>"


def test_what_would_be_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = "AKIA" + "QX5ZKVXWNCU7MR2D"
    assert (
        dry_run(tmp_path, f"Key {key}", "The Bluebird", '{"broken": ', options=("--policy", "default", "--show")) == 1
    )
    said = capsys.readouterr()
    assert said.out.splitlines()[:2] == ["1: refused: API_KEY=1 block", "2: refused: codenames=1 block"]
    assert said.out.endswith("3 refused\n")
    assert "3: The request body is not valid JSON" in said.err
    assert key not in said.out + said.err


def test_recognisers_are_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyzer = Analyzer()
    with analyzer.serving():
        made = dry_run(
            tmp_path,
            f"I am Ann Lee, {EMAIL}",
            "Hello",
            options=("--policy", "default", "--show"),
            privacy=recognising(analyzer.url),
        )
    assert made == 0
    assert capsys.readouterr().out.splitlines() == [
        "1: EMAIL_ADDRESS=1 mask, PERSON=1 mask",
        "   I am <PERSON>, <EMAIL_ADDRESS>",
        "2: nothing",
        "   Hello",
        "EMAIL_ADDRESS       1  mask",
        "PERSON              1  mask",
        "0 refused",
    ]
    assert [asked["text"] for asked in analyzer.asked] == [f"I am Ann Lee, {EMAIL}", "Hello"]


@pytest.mark.parametrize(("on_failure", "code"), [("deny", 1), ("allow", 0)])
def test_a_recogniser_that_is_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], on_failure: str, code: int
) -> None:
    with closed_port() as port:
        privacy = recognising(f"http://127.0.0.1:{port}", on_failure=on_failure)
        assert dry_run(tmp_path, f"I am Ann Lee, {EMAIL}", privacy=privacy) == code
    said = capsys.readouterr()
    refusal = "1: The gateway cannot look for personal data in the request now.\n"
    assert (said.err, said.out.splitlines()[0]) == (
        (refusal, "1 refused") if on_failure == "deny" else ("", "1: EMAIL_ADDRESS=1 mask")
    )


def test_a_presidio_that_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    privacy = {**recognising("http://x"), "recognisers": [{"name": "n", "presidio": {}, "entities": ["PERSON"]}]}
    assert dry_run(tmp_path, "Hello", privacy=privacy) == 2
    assert (
        "privacy.recognisers[0].presidio: needs the package presidio_analyzer: install llm-extproc[presidio]"
        in capsys.readouterr().err
    )


def test_guardrails_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(tmp_path, f"Ask {EMAIL}", options=()) == 0
    assert capsys.readouterr().out == "1: nothing\n0 refused\n"


def test_a_policy_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dry_run(tmp_path, "x", options=("--policy", "defualt")) == 2
    assert "there is no privacy policy 'defualt' (did you mean 'default'?)" in capsys.readouterr().err


def test_a_file_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(yaml.safe_dump(document(privacy=PRIVACY)))
    assert main(["dry-run", "--config", str(config), "--policy", "default", str(tmp_path / "none.txt")]) == 2
    assert "cannot be read: FileNotFoundError" in capsys.readouterr().err
