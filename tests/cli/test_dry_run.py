"""`extproc dry-run`: what it says of prompts, and how it exits."""

import json
from pathlib import Path

import pytest
import yaml

from extproc.cli import main
from tests.integration.documents import document

EMAIL = "ann@corp.example.org"
PRIVACY = {
    "key": {"value": "5f" * 32},
    "policies": [{"name": "default", "entities": {"EMAIL_ADDRESS": "mask", "SECRET": "block"}}],
}
GUARDRAILS = {
    "rules": [
        {"name": "codenames", "words": {"denied": ["Bluebird"]}},
        {"name": "trial", "words": {"denied": ["Heron"]}, "mode": "shadow"},
    ]
}


def dry_run(tmp_path: Path, *prompts: str, options: tuple[str, ...] = ("--policy", "default")) -> int:
    config, file = tmp_path / "gateway.yaml", tmp_path / "prompts.txt"
    config.write_text(yaml.safe_dump(document(privacy=PRIVACY, guardrails=GUARDRAILS)))
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
