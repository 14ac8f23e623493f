import asyncio
import io
import json
import logging
from decimal import Decimal

import pytest

from extproc.config.model import Secret
from extproc.errors import ConfigError, NotFound, UpstreamError
from extproc.telemetry.log import configure

A_MOMENT = 1_795_000_000.25


@pytest.fixture
def out():
    """What is logged from here on; the root logger is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers, stream = [], io.StringIO()
    configure("info", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def log(out):
    return logging.getLogger("extproc.app")


def test_a_line_is_this(out):
    record = logging.LogRecord("extproc.app", logging.WARNING, "", 0, "config_rejected", (), None)
    record.created, record.fields = A_MOMENT, {"path": "models[2]", "line": 7}
    logging.getLogger().handle(record)

    assert out.getvalue() == (
        '{"ts":"2026-11-18T11:06:40.250Z","level":"warning","logger":"extproc.app","event":"config_rejected",'
        '"path":"models[2]","line":7}\n'
    )


def test_a_whole_second_has_milliseconds_too(out):
    record = logging.LogRecord("extproc.app", logging.INFO, "", 0, "started", (), None)
    record.created = 1_795_000_000.0
    logging.getLogger().handle(record)

    assert line(out)["ts"] == "2026-11-18T11:06:40.000Z"


def test_below_the_level_nothing_is_written(log, out):
    log.debug("detail")

    assert out.getvalue() == ""


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="LOUD"):
        configure("loud", io.StringIO())


def test_a_field_cannot_take_the_name_of_what_every_line_has(log, out):
    log.info("started", extra={"fields": {"event": "forged", "level": "debug", "workers": 2}})

    assert {key: line(out)[key] for key in ("event", "level", "workers")} == {
        "event": "started",
        "level": "info",
        "workers": 2,
    }


def test_line_breaks_stay_within_the_line(log, out):
    log.info("started", extra={"fields": {"name": 'a\nb\r"c"\u2028d\ud800'}})

    assert out.getvalue().count("\n") == 1
    assert line(out)["name"] == 'a\nb\r"c"\u2028d\ud800'


def test_the_arguments_of_a_message_are_not_written(log, out):
    log.info("prompt %s", "my diagnosis")

    assert line(out)["event"] == "prompt %s"


def test_a_secret_is_hidden_wherever_it_is(log, out):
    secret = Secret("sk-live-123")
    log.info("started", extra={"fields": {"key": secret, "backends": [{"credential": secret}], secret: 1}})

    assert "sk-live-123" not in out.getvalue()
    assert line(out)["key"] == "<Secret>"


def test_what_json_has_not_is_its_type(log, out):
    log.info("seen", extra={"fields": {"body": b"content", "error": ValueError("content"), "price": Decimal(1)}})

    fields = {key: line(out)[key] for key in ("body", "error", "price")}
    assert fields == {"body": "<bytes>", "error": "<ValueError>", "price": "<Decimal>"}


def test_what_is_no_number_in_json_is_text(log, out):
    log.info("seen", extra={"fields": {"rate": float("nan"), "most": float("inf"), "least": 0.5}})

    assert {key: line(out)[key] for key in ("rate", "most", "least")} == {"rate": "nan", "most": "inf", "least": 0.5}


def test_a_field_that_contains_itself_ends(log, out):
    endless = {}
    endless["again"] = endless
    log.info("seen", extra={"fields": endless})

    assert out.getvalue().count("again") == 6


def test_an_exception_of_others_is_its_type_and_where_it_came_from(log, out):
    def parse(prompt):
        raise ValueError(f"cannot read {prompt}")

    try:
        parse("my diagnosis")
    except ValueError:
        log.exception("exchange_failed")

    begins = parse.__code__.co_firstlineno
    assert line(out)["exception"] == {
        "type": "ValueError",
        "frames": [f"{__file__}:{begins + 4}", f"{__file__}:{begins + 1}"],
    }
    assert "diagnosis" not in out.getvalue()


def test_a_configuration_error_has_its_message(log, out):
    error = ConfigError("unknown backend", source="gateway.yaml", path="models[2]", hint="openai")
    log.error("config_rejected", exc_info=error)

    assert line(out)["exception"] == {
        "type": "ConfigError",
        "message": "gateway.yaml: models[2]: unknown backend (did you mean 'openai'?)",
        "frames": [],
    }


def test_an_answer_of_the_gateways_own_has_its_message(log, out):
    log.error("refused", exc_info=NotFound("This path is not served here."))

    assert line(out)["exception"]["message"] == "This path is not served here."


def test_a_providers_words_are_not_repeated(log, out):
    log.error("failed", exc_info=UpstreamError("Your prompt 'my diagnosis' was refused."))

    assert line(out)["exception"] == {"type": "UpstreamError", "frames": []}


def test_a_cause_is_told_in_the_same_way(log, out):
    error = ConfigError("no such file")
    error.__cause__ = OSError("/home/alice")
    log.error("config_rejected", exc_info=error)

    assert line(out)["exception"]["because"] == [{"type": "OSError", "frames": []}]
    assert "alice" not in out.getvalue()


def test_a_suppressed_context_is_left_out(log, out):
    error = ConfigError("no such file")
    error.__context__, error.__suppress_context__ = OSError("x"), True
    log.error("config_rejected", exc_info=error)

    assert "because" not in line(out)["exception"]


def test_the_members_of_a_group_are_told(log, out):
    log.error("failed", exc_info=ExceptionGroup("my diagnosis", [ValueError("x"), KeyError("y")]))

    assert line(out)["exception"] == {
        "type": "ExceptionGroup",
        "frames": [],
        "because": [{"type": "ValueError", "frames": []}, {"type": "KeyError", "frames": []}],
    }


def test_only_the_innermost_frames_of_a_long_trace_are_written(log, out):
    def fall(depth):
        return fall(depth - 1) if depth else 1 / 0

    try:
        fall(100)
    except ZeroDivisionError:
        log.exception("exchange_failed")

    frames = line(out)["exception"]["frames"]
    assert frames == [f"{__file__}:{fall.__code__.co_firstlineno + 1}"] * 30


def test_exceptions_that_caused_each_other_end(log, out):
    error, other = ValueError(), KeyError()
    error.__cause__, other.__cause__ = other, error
    log.error("failed", exc_info=error)

    assert out.getvalue().count('"type"') == 6


@pytest.mark.parametrize(
    ("logger", "message", "event"),
    [
        ("grpc._cython.cygrpc", "Unexpected [my diagnosis] raised by servicer method", "Unexpected"),
        ("aiohttp.access", '10.0.0.7 "GET /keys?q=my+diagnosis"', "10.0.0.7"),
        ("asyncio", "Task was destroyed\nfuture: my diagnosis", "Task was destroyed"),
        ("asyncio", "Exception in callback A.received(b'my diagnosis')", "Exception in callback A.received"),
    ],
)
def test_a_library_says_only_the_constant_beginning(out, logger, message, event):
    logging.getLogger(logger).error(message)

    assert line(out)["logger"] == logger
    assert line(out)["event"] == event
    assert "diagnosis" not in out.getvalue()


def test_the_arguments_of_a_library_are_not_written(out):
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "10.0.0.7")

    assert line(out)["event"] == "Error handling request from %s"


async def test_asyncio_tells_of_a_lost_exception_without_its_message(out):
    async def fail():
        raise ValueError("my diagnosis")

    loop = asyncio.get_running_loop()
    task = loop.create_task(fail())
    await asyncio.wait([task])
    loop.call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": task.exception(), "task": task}
    )

    assert line(out)["event"] == "Task exception was never retrieved"
    assert line(out)["exception"]["type"] == "ValueError"
    assert "diagnosis" not in out.getvalue()


def test_a_message_that_is_no_text_is_its_type(log, out):
    log.error(ValueError("my diagnosis"))

    assert line(out)["event"] == "<ValueError>"


def test_a_line_that_cannot_be_written_is_lost_without_a_word(log, out, capsys):
    out.close()
    log.info("started", extra={"fields": {"workers": 2}})

    assert capsys.readouterr().err == ""


def test_configuring_again_replaces_the_stream(log, out):
    again = io.StringIO()
    configure("debug", again)
    log.debug("detail")

    assert (out.getvalue(), line(again)["event"]) == ("", "detail")


def line(stream):
    (only,) = stream.getvalue().splitlines()
    return json.loads(only)
