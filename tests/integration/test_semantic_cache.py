"""Questions in other words, through real Envoy with the official SDKs."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import httpx2 as httpx
import openai
import pytest

from extproc.simulator.settings import Settings
from tests.integration.documents import document, key, keys
from tests.integration.gateway import Gateway, running_gateway, wait_until

TOKEN = "the-token-of-the-admin"
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
LONG = "{} the best way to keep fresh bread from going stale in a very humid kitchen over a long and hot summer?"


class Embeddings:
    """An embeddings endpoint: questions with a `please` lie across those without. `away`: it answers 503."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked += 1
                self.send_response(503 if outer.away else 200)
                self.end_headers()
                self.wfile.write(json.dumps({"data": [_vector(*one) for one in enumerate(body["input"])]}).encode())

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1/embeddings"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _vector(index: int, text: str) -> dict[str, Any]:
    return {"index": index, "embedding": [0.0, 1.0] if "please" in text.lower() else [1.0, 0.0]}


@pytest.fixture(scope="module")
def embeddings() -> Iterator[Embeddings]:
    made = Embeddings()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(embeddings: Embeddings) -> Iterator[Gateway]:
    routes = {
        "served": {"mode": "serve", "check": 0},
        "shadowed": {"mode": "shadow"},
        "checked": {"mode": "serve", "check": 100},
        "vetoed": {"mode": "serve", "check": 0, "embedder": {"url": embeddings.url, "model": "small"}},
    }
    models = [{"name": name, "targets": [{"backend": "openai", "model": "gpt-4o"}]} for name in routes]
    made = document(
        models=models,
        cache={
            "key": {"value": "5a" * 32},
            "routes": [{"name": name, "models": [name], "semantic": rules} for name, rules in routes.items()],
        },
        keys=keys(key("one", "sk-one", team="one"), key("two", "sk-two", team="two")),
        admin={"tokens": [{"value": TOKEN}]},
    )
    formats = {"openai": ("openai",), "anthropic": ("anthropic",), "azure": ("azure",), "down": ("openai",)}
    with running_gateway(made, {name: Settings(formats=of, log_size=100) for name, of in formats.items()}) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway, embeddings: Embeddings) -> Gateway:
    embeddings.away = False
    running.clear()
    return running


def semantic(gateway: Gateway, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    url, headers = f"http://127.0.0.1:{gateway.admin_port}/cache/semantic/{path}", {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(url, headers=headers) if fields is None else httpx.post(url, headers=headers, json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ask(gateway: Gateway, question: str, model: str = "served", key: str = "sk-one", **more: Any) -> tuple[str, str]:
    """What the cache did, and the answer."""
    earlier = more.pop("earlier", [])
    with openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0) as client:
        answer = client.chat.completions.with_raw_response.create(
            model=model, messages=[*earlier, {"role": "user", "content": question}], **more
        )
    return answer.headers["x-gateway-cache"], answer.parse().choices[0].message.content or ""


def asked(gateway: Gateway) -> int:
    return len(gateway.simulator("openai").log)


def wait_for(gateway: Gateway, route: str, compared: int) -> dict[str, Any]:
    """The route's estimate, once it has so many comparisons."""
    wait_until(lambda: info(gateway, route)["compared"] >= compared, 5, "the comparison")
    return info(gateway, route)


def info(gateway: Gateway, route: str) -> dict[str, Any]:
    return semantic(gateway, f"info?route={route}")


def test_a_question_in_other_words_gets_the_answer(gateway: Gateway) -> None:
    first, answer = ask(gateway, "How do I sort a list?")
    second, again = ask(gateway, "How can I sort a list, please?")
    assert (first, second) == ("miss", "semantic-hit")
    assert again == answer
    assert asked(gateway) == 1


def test_a_hit_tells_its_age_and_is_counted(gateway: Gateway) -> None:
    ask(gateway, "How do I reverse a string?")
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:
        hit = client.chat.completions.with_raw_response.create(
            model="served", messages=[{"role": "user", "content": "How can I reverse a string?"}]
        )
    assert hit.headers["x-gateway-cache"] == "semantic-hit"
    assert int(hit.headers["age"]) <= 2
    assert hit.headers["x-gateway-cost"] == "0.00"
    assert gateway.metric("llm_gateway_cache_lookups_total", model="served", outcome="semantic-hit") >= 1
    assert gateway.metric("llm_gateway_cache_events_total", event="semantic_hit") >= 1


def test_a_stream_gets_it_too(gateway: Gateway) -> None:
    _, answer = ask(gateway, "How do I merge two branches?")
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="served", messages=[{"role": "user", "content": "How can I merge two branches?"}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices)
    assert raw.headers["x-gateway-cache"] == "semantic-hit"
    assert text == answer


def responses(gateway: Gateway, question: str, **more: Any) -> tuple[str, str]:
    with openai.OpenAI(base_url=gateway.base_url, api_key="sk-one", max_retries=0) as client:
        raw = client.responses.with_raw_response.create(model="served", input=question, store=False, **more)
        answer: Any = raw.parse() if not more.get("stream") else list(raw.parse())[-1].response
    return raw.headers["x-gateway-cache"], answer.output_text


def messages(gateway: Gateway, question: str, **more: Any) -> tuple[str, str]:
    asking: Any = {"model": "served", "max_tokens": 90, "messages": [{"role": "user", "content": question}], **more}
    with anthropic.Anthropic(base_url=gateway.url, api_key="sk-one", max_retries=0) as client:
        raw = client.messages.with_raw_response.create(**asking)
        if not more.get("stream"):
            return raw.headers["x-gateway-cache"], raw.parse().content[0].text
        events: Any = raw.parse()
        text = "".join(event.delta.text for event in events if event.type == "content_block_delta")
    return raw.headers["x-gateway-cache"], text


@pytest.mark.parametrize("first", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("then", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("speak", [responses, messages], ids=lambda speak: speak.__name__)
def test_other_formats_have_their_own_answers(
    gateway: Gateway, speak: Callable[..., tuple[str, str]], first: bool, then: bool
) -> None:
    thing = f"{speak.__name__} {first} {then}".lower()
    state, answer = speak(gateway, f"How do I clean {thing}?", stream=first)
    again, same = speak(gateway, f"How can I clean {thing}, please?", stream=then)
    near, _ = speak(gateway, f"How can I not clean {thing}, please?", stream=then)
    assert (state, again, near) == ("miss", "semantic-hit", "miss")
    assert same == answer != ""
    assert asked(gateway) == 2
    assert ask(gateway, f"How can I clean {thing}?")[0] == "miss"  # another format's


@pytest.mark.parametrize(
    "near",
    [
        "How do I convert 6 km to miles?",
        "How do I convert 5 km to yards?",
        "How do I convert 5 miles to km?",
        "How do I not convert 5 km to miles?",
    ],
)
def test_a_near_miss_is_a_miss(gateway: Gateway, near: str) -> None:
    ask(gateway, "How do I convert 5 km to miles?")
    assert ask(gateway, near)[0] == "miss"


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("tenant", {"key": "sk-two"}),
        ("prompt", {"earlier": [{"role": "system", "content": "Answer in French."}]}),
        ("turns", {"earlier": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]}),
        ("tools", {"tools": TOOLS}),
        ("temperature", {"temperature": 0.5}),
        ("model", {"model": "vetoed"}),
    ],
)
def test_the_same_question_elsewhere_is_another(gateway: Gateway, name: str, other: dict[str, Any]) -> None:
    assert ask(gateway, f"How do I open {name}?")[0] == "miss"
    assert ask(gateway, f"How can I open {name}?", **other)[0] == "miss"
    assert ask(gateway, f"How can I open {name}, please?")[0] == "semantic-hit"


@pytest.mark.parametrize("directive", ["no-cache", "no-store", "max-age=0"])
def test_callers_may_ask_past_it(gateway: Gateway, directive: str) -> None:
    ask(gateway, f"How do I close {directive}?")
    state, _ = ask(gateway, f"How can I close {directive}?", extra_headers={"cache-control": directive})
    assert state in ("miss", "bypass")


def test_an_answer_that_calls_tools_is_not_given_to_other_words(gateway: Gateway) -> None:
    ask(gateway, "What is the weather in Rome today?", tools=TOOLS)
    assert ask(gateway, "What is the weather in Rome today, please?", tools=TOOLS)[0] == "miss"


def test_shadow_mode_serves_nothing_and_counts(gateway: Gateway) -> None:
    assert ask(gateway, "How do I bake bread?", model="shadowed")[0] == "miss"
    assert ask(gateway, "How can I bake bread?", model="shadowed")[0] == "miss"
    assert asked(gateway) == 2
    found = wait_for(gateway, "shadowed", 1)
    assert (found["mode"], found["differed"], found["stopped"]) == ("shadow", 0, False)


def test_a_share_of_the_hits_is_asked_again(gateway: Gateway) -> None:
    ask(gateway, "How do I bake a cake?", model="checked")
    assert ask(gateway, "How can I bake a cake?", model="checked")[0] == "miss"
    assert wait_for(gateway, "checked", 1)["differed"] == 0


def test_an_estimate_that_is_too_high_stops_a_route_until_it_is_reset(gateway: Gateway) -> None:
    """The simulator repeats the question, so one in capitals has an answer with other facts."""
    ask(gateway, LONG.format("what is"), model="checked")
    ask(gateway, LONG.format("WHAT IS").upper(), model="checked")
    wait_until(lambda: info(gateway, "checked")["stopped"], 5, "the stop")
    assert semantic(gateway, "reset", {"route": "checked"})["compared"] == 0
    assert not info(gateway, "checked")["stopped"]


def remembered(gateway: Gateway, embeddings: Embeddings, question: str) -> None:
    """Asks on the route with an embedder, and waits until the vector that is kept was asked for."""
    before = embeddings.asked
    ask(gateway, question, model="vetoed")
    wait_until(lambda: embeddings.asked > before, 5, "the vector")


def test_an_embedder_may_refuse_a_hit(gateway: Gateway, embeddings: Embeddings) -> None:
    remembered(gateway, embeddings, "How do I fold a shirt?")
    assert ask(gateway, "How can I fold a shirt?", model="vetoed")[0] == "semantic-hit"
    assert ask(gateway, "How can I fold a shirt, please?", model="vetoed")[0] == "miss"


def test_without_its_embedder_a_route_has_no_semantic_hits(gateway: Gateway, embeddings: Embeddings) -> None:
    remembered(gateway, embeddings, "How do I fold a towel?")
    embeddings.away = True
    assert ask(gateway, "How can I fold a towel?", model="vetoed")[0] == "miss"


def test_a_question_that_was_never_asked_waits_for_no_embedder(gateway: Gateway, embeddings: Embeddings) -> None:
    """The one vector that is asked for is to be kept."""
    remembered(gateway, embeddings, "How do I fold a napkin?")
