"""`extproc demo`: a tour of the gateway against simulated providers; exits 0 when everything was as told."""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from extproc.cli import options
from extproc.cli.options import Commands
from extproc.config.defaults import DEMO_KEY, LIMITED_DEMO_KEY

_START_SECONDS = 60.0
_PROVIDER_VARIABLES = ("OPENAI_", "AZURE_OPENAI_", "ANTHROPIC_")
_GATEWAY = "http://127.0.0.1:10000/v1"
_METRICS = "http://{}:{}/metrics".format(*options.DEFAULT_ADMIN)
_SHOWN_METRICS = ("llm_gateway_cost_usd_total", "llm_gateway_tokens_total", "llm_gateway_fallbacks_total")


def add_to(commands: Commands) -> None:
    parser = commands.add_parser("demo", help="a tour that needs no key", description=__doc__)
    parser.set_defaults(command=_demo)


def _demo(_: argparse.Namespace) -> int:
    return asyncio.run(_tour())


async def _tour() -> int:
    async with aiohttp.ClientSession() as session, _gateway(session):
        failed = [step.__name__ for step in _STEPS if not await _shown(step, session)]
    print(f"\n{len(_STEPS) - len(failed)} of {len(_STEPS)} as they should be" + "".join(f"; not {n}" for n in failed))
    return 1 if failed else 0


async def _shown(step: "_Step", session: aiohttp.ClientSession) -> bool:
    print(f"\n=== {step.__doc__}")
    try:
        return await step(session)
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        return False


async def _an_answer(session: aiohttp.ClientSession) -> bool:
    """An answer, from an OpenAI-format provider"""
    answer, headers = await _ask(session, "gpt-4o-mini")
    print(f"{_text(answer)!r}\nbackend {headers['x-gateway-backend']}, cost ${headers['x-gateway-cost']}")
    return headers["x-gateway-backend"] == "openai-sim" and bool(_text(answer))


async def _a_stream(session: aiohttp.ClientSession) -> bool:
    """A stream, token by token"""
    body = _request("gpt-4o-mini", stream=True)
    async with session.post(f"{_GATEWAY}/chat/completions", json=body, headers=_key(DEMO_KEY)) as response:
        done = False
        async for line in response.content:
            data = line.decode().removeprefix("data: ").strip()
            done = done or data == "[DONE]"
            if data and data != "[DONE]":
                print(json.loads(data)["choices"][0]["delta"].get("content") or "", end="", flush=True)
    print()
    return done


async def _a_translated_answer(session: aiohttp.ClientSession) -> bool:
    """A translated answer: asked in OpenAI's format, answered by a provider that speaks Anthropic's"""
    answer, headers = await _ask(session, "claude-sonnet-4-6")
    print(f"{_text(answer)!r}\nbackend {headers['x-gateway-backend']}, provider {headers['x-gateway-provider']}")
    return headers["x-gateway-provider"] == "anthropic" and answer["object"] == "chat.completion"


async def _a_fallback(session: aiohttp.ClientSession) -> bool:
    """A fallback: the first provider of this model is down, the next one speaks another format"""
    answer, headers = await _ask(session, "resilient")
    print(f"{_text(answer)!r}\nafter {headers['x-gateway-fallback']} failed, {headers['x-gateway-backend']} answered")
    return headers["x-gateway-attempts"] == "2" and headers["x-gateway-fallback"] == "down"


async def _a_rejected_key(session: aiohttp.ClientSession) -> bool:
    """Rejected: an unknown key, and a key that may not use the model"""
    unknown = await _status(session, "sk-unknown", "gpt-4o-mini")
    limited = await _status(session, LIMITED_DEMO_KEY, "claude-sonnet-4-6")
    return (unknown, limited) == (401, 403)


async def _the_metrics(session: aiohttp.ClientSession) -> bool:
    """The metrics of all this"""
    async with session.get(_METRICS) as response:
        lines = (await response.text()).splitlines()
    shown = [line for line in lines if line.startswith(_SHOWN_METRICS)]
    print("\n".join(shown))
    return all(any(line.startswith(name) for line in shown) for name in _SHOWN_METRICS)


_Step = Callable[[aiohttp.ClientSession], Awaitable[bool]]
_STEPS = (_an_answer, _a_stream, _a_translated_answer, _a_fallback, _a_rejected_key, _the_metrics)


def _request(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "What is Envoy?"}], **more}


def _key(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def _ask(session: aiohttp.ClientSession, model: str) -> tuple[dict[str, Any], Mapping[str, str]]:
    url = f"{_GATEWAY}/chat/completions"
    async with session.post(url, json=_request(model), headers=_key(DEMO_KEY)) as response:
        return await response.json(), response.headers


async def _status(session: aiohttp.ClientSession, key: str, model: str) -> int:
    url = f"{_GATEWAY}/chat/completions"
    async with session.post(url, json=_request(model), headers=_key(key)) as response:
        print(response.status, (await response.json())["error"]["message"])
        return response.status


def _text(answer: Mapping[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


@contextlib.asynccontextmanager
async def _gateway(session: aiohttp.ClientSession) -> AsyncIterator[None]:
    """The gateway that runs here already, or one for the tour."""
    if await _is_ready(session):
        print("using the gateway that is running")
        yield
        return
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_PROVIDER_VARIABLES)}
    command = (sys.executable, "-m", "extproc", "run")
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.DEVNULL)
    try:
        print("starting Envoy, the ext_proc server and simulated providers ...")
        async with asyncio.timeout(_START_SECONDS):
            while not await _is_ready(session):
                if process.returncode is not None:
                    raise SystemExit("extproc: the gateway did not start; its messages are above")
                await asyncio.sleep(0.2)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get(f"{_GATEWAY}/models", headers=_key(DEMO_KEY)) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
