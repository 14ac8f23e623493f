"""Azure OpenAI, seen through OpenAI's Azure client."""

import openai as sdk
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from extproc.simulator.server import Running

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello [[tokens=2]]"}]


async def test_a_plain_answer_has_filter_results(azure: AsyncAzureOpenAI, simulator: Running) -> None:
    found = (await azure.chat.completions.create(model="my-gpt", messages=HELLO)).to_dict()
    assert found["model"] == "my-gpt"
    assert found["prompt_filter_results"][0]["prompt_index"] == 0
    assert found["choices"][0]["content_filter_results"]["hate"] == {"filtered": False, "severity": "safe"}
    assert simulator.log.last.target == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert simulator.log.last.header("api-key") == "azure-test"


async def test_the_first_chunk_has_the_prompt_filter_and_no_choices(azure: AsyncAzureOpenAI) -> None:
    stream = await azure.chat.completions.create(model="my-gpt", messages=HELLO, stream=True)
    chunks = [chunk.to_dict() async for chunk in stream]
    assert (chunks[0]["id"], chunks[0]["choices"]) == ("", [])
    assert "prompt_filter_results" in chunks[0]
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[1:]] == ["", "these", " are", None]
    assert chunks[1]["choices"][0]["content_filter_results"] == {}
    assert "violence" in chunks[2]["choices"][0]["content_filter_results"]


async def test_embeddings_need_no_model_in_the_body(azure: AsyncAzureOpenAI) -> None:
    found = await azure.post("/deployments/ada/embeddings", body={"input": "hi"}, cast_to=object)
    assert isinstance(found, dict)
    assert found["model"] == "ada"


async def test_the_v1_path_takes_the_model_from_the_body(simulator: Running) -> None:
    async with AsyncOpenAI(base_url=f"{simulator.url}/openai/v1", api_key="azure-test") as client:
        found = await client.chat.completions.create(model="gpt-5.5", messages=HELLO)
    assert found.model == "gpt-5.5"
    assert "prompt_filter_results" in found.to_dict()


async def test_a_missing_api_version_is_not_found(simulator: Running) -> None:
    async with AsyncOpenAI(base_url=f"{simulator.url}/openai/deployments/x", api_key="k", max_retries=0) as client:
        with pytest.raises(sdk.NotFoundError, match="Resource not found"):
            await client.chat.completions.create(model="x", messages=HELLO)


async def test_rate_limits_in_azures_own_error_format(azure: AsyncAzureOpenAI) -> None:
    with pytest.raises(sdk.RateLimitError) as refused:
        await azure.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "[[status=429 retry_after=3]]"}]
        )
    assert refused.value.code == "429"
    assert refused.value.type is None
    assert refused.value.response.headers["retry-after"] == "3"


async def test_the_models_own_refusals_are_openais(azure: AsyncAzureOpenAI) -> None:
    with pytest.raises(sdk.BadRequestError) as refused:
        await azure.chat.completions.create(model="m", messages=[])
    assert refused.value.param == "messages"
