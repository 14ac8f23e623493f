"""Which model answers for a name."""

import pytest

from extproc.config.lookup import ModelLookup
from extproc.config.model import Backend, Model, Schema, Target

BACKEND = Backend("openai", "openai", "openai", Schema.OPENAI, "api.openai.com")


def model(name: str, *targets: str) -> Model:
    prefix = name[:-1] if name.endswith("*") else None
    return Model(name, tuple(Target(BACKEND, target) for target in targets or (name,)), prefix)


LOOKUP = ModelLookup(
    [model("*"), model("gpt-*"), model("gpt-4o"), model("gpt-4*"), model("openai/*", "*", "x-*", "fixed")]
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4*"),
        ("gpt-5", "gpt-*"),
        ("llama", "*"),
        ("openai/gpt-4o", "openai/*"),
        ("openai/", "*"),
    ],
)
def test_an_exact_name_wins_then_the_longest_prefix(name: str, found: str) -> None:
    answer = LOOKUP.find(name)
    assert answer is not None
    assert answer.name == found


def test_nobody_answers() -> None:
    assert ModelLookup([model("gpt-4o"), model("openai/*")]).find("llama") is None
    assert ModelLookup([model("*")]).find("") is None


def test_the_star_of_a_target_is_what_the_caller_wrote_in_its_place() -> None:
    chain = model("openai/*", "*", "x-*", "fixed").chain("openai/gpt-4o")
    assert [target.model for target in chain] == ["gpt-4o", "x-gpt-4o", "fixed"]


def test_a_model_without_a_star_keeps_its_targets() -> None:
    exact = model("gpt-4o", "gpt-4o-2024-11-20")
    assert exact.chain("gpt-4o") is exact.targets
