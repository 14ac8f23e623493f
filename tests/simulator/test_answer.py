"""What the simulated model says."""

import pytest

from extproc.simulator.answer import Answer, Finish, Prompt, Tool, ToolCall, ToolMode, compose, pieces
from extproc.simulator.directives import NONE, Directives

CITY = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})
TIME = Tool("get_time", {"type": "object"})
HELLO = "You said: hello This is a simulated answer, and I am happy to help."


def test_quotes_the_user() -> None:
    assert compose(Prompt(text="hello"), NONE).text == HELLO


def test_quotes_no_directive() -> None:
    assert compose(Prompt(text="hello [[tokens=3]]"), NONE).text == HELLO


def test_quotes_two_hundred_characters() -> None:
    assert compose(Prompt(text="x" * 500), NONE).text.count("x") == 200


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", ()),
        (" ", (" ",)),
        ("one", ("one",)),
        ("one  two\nthree ", ("one", "  two", "\nthree ")),
    ],
)
def test_pieces_are_words_and_lose_nothing(text: str, cut: tuple[str, ...]) -> None:
    assert pieces(text) == cut
    assert "".join(pieces(text)) == text


def test_counts_words() -> None:
    assert compose(Prompt(), Directives(tokens=12)).output_tokens == 12


def test_max_tokens_cuts() -> None:
    said = compose(Prompt(text="hello", max_tokens=2), NONE)
    assert (said.text, said.finish, said.output_tokens) == ("You said:", Finish.LENGTH, 2)


def test_reasoning_is_spent_before_text() -> None:
    said = compose(Prompt(text="hello", max_tokens=10, reasoning_tokens=16), NONE)
    assert said == Answer((), Finish.LENGTH, reasoning_tokens=10, output_tokens=10)


def test_stops_at_the_first_stop_sequence_it_would_write() -> None:
    said = compose(Prompt(text="hello", stop=("simulated", "This", "never")), NONE)
    assert (said.text, said.finish, said.stop_sequence) == ("You said: hello ", Finish.STOP_SEQUENCE, "This")


def test_talk_of_weather_calls_the_first_tool() -> None:
    said = compose(Prompt(text="the Weather?", tools=(CITY, TIME)), NONE)
    assert said.finish is Finish.TOOL_CALLS
    assert said.calls == (ToolCall("get_weather", {"city": "the Weather?"}),)


def test_other_talk_calls_none() -> None:
    assert compose(Prompt(text="hello", tools=(CITY,)), NONE).calls == ()


def test_a_required_tool_is_called() -> None:
    said = compose(Prompt(text="hello", tools=(CITY, TIME), tool_mode=ToolMode.REQUIRED, forced="get_time"), NONE)
    assert said.calls == (ToolCall("get_time", {}),)


def test_forbidden_tools_are_not_called() -> None:
    assert compose(Prompt(text="weather", tools=(CITY,), tool_mode=ToolMode.NONE), Directives(tool_calls=2)).calls == ()


def test_parallel_calls_take_the_tools_in_turn() -> None:
    said = compose(Prompt(text="go", tools=(CITY, TIME)), Directives(tool_calls=3))
    assert said.calls == (
        ToolCall("get_weather", {"city": "go"}),
        ToolCall("get_time", {}),
        ToolCall("get_weather", {"city": "go (3)"}),
    )


def test_parallel_calls_can_be_switched_off() -> None:
    assert len(compose(Prompt(text="go", tools=(CITY,), parallel=False), Directives(tool_calls=3)).calls) == 1


def test_a_tool_result_is_quoted() -> None:
    said = compose(Prompt(text="weather", tools=(CITY,), tool_results=("22 C", "sunny")), NONE)
    assert said.text == "The tool says: 22 C / sunny"


def test_a_structured_answer_is_json() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    assert compose(Prompt(text="Zoë", json_schema=schema), NONE).text == '{"name": "Zoë", "age": 0}'


def test_a_json_object_without_a_schema() -> None:
    assert compose(Prompt(text="hi", json_schema={}), NONE).text == '{"answer": "hi"}'


def test_refuses_when_asked_to() -> None:
    assert compose(Prompt(text="hi"), Directives(refusal=True)).finish is Finish.REFUSAL
