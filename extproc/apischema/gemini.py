"""Google's Gemini API: the requests that translators write, and the fields they read of answers and streams.

Reference: https://ai.google.dev/api/generate-content, https://ai.google.dev/api/embeddings (AI Studio),
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (Vertex AI, the same documents) and
the types of the official Python SDK 3.4 (seen 2026-11-21). Nearly every field may be missing from an answer; unknown
fields and values are ignored.
"""

from msgspec import UNSET, Raw, Struct, UnsetType

from extproc.genai.usage import TokenUsage

# Stands in for the signature of a function call that no Gemini model made, as Google documents it
# (https://ai.google.dev/gemini-api/docs/thought-signatures, seen 2026-11-21).
NO_SIGNATURE = "skip_thought_signature_validator"


# --- requests ---------------------------------------------------------------------------------------------------------


class Blob(Struct, rename="camel"):
    """Bytes in the request: `data` is base64."""

    mime_type: str
    data: str


class FileData(Struct, omit_defaults=True, rename="camel"):
    """Bytes elsewhere: Google Cloud Storage (`gs://`), the Files API or the web."""

    file_uri: str
    mime_type: str | None = None


class FunctionCall(Struct):
    """`args` is a JSON object, byte for byte as the model once wrote it."""

    id: str
    name: str
    args: Raw


class FunctionResponsePart(Struct, omit_defaults=True, rename="camel"):
    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Struct, omit_defaults=True):
    """A function's result: `response` is a JSON object, `parts` what is not text."""

    id: str
    name: str
    response: Raw
    parts: list[FunctionResponsePart] = []


class Part(Struct, omit_defaults=True, rename="camel"):
    """One piece of a turn: exactly one of the fields, and perhaps the signature of the thoughts that led to it."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    thought_signature: str | None = None


class Content(Struct, omit_defaults=True):
    """A turn: `role` is `user` (functions' results too) or `model`; a system instruction has none."""

    parts: list[Part]
    role: str | None = None


class FunctionDeclaration(Struct, omit_defaults=True, rename="camel"):
    """`parameters_json_schema` is a JSON schema of an object."""

    name: str
    description: str | None = None
    parameters_json_schema: Raw | None = None


class Tool(Struct, rename="camel"):
    function_declarations: list[FunctionDeclaration]


class FunctionCallingConfig(Struct, omit_defaults=True, rename="camel"):
    """`mode` is `AUTO`, `VALIDATED` (as AUTO, and arguments keep to their schema), `ANY` or `NONE`."""

    mode: str = "AUTO"
    allowed_function_names: list[str] = []


class ToolConfig(Struct, rename="camel"):
    function_calling_config: FunctionCallingConfig


class ThinkingConfig(Struct, omit_defaults=True, rename="camel"):
    """`thinking_budget` in tokens, 0 for none; or, from Gemini 3 on, a `thinking_level`."""

    include_thoughts: bool = False
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Struct, omit_defaults=True, rename="camel"):
    """`logprobs` is the number of alternatives for each token. Raw fields are the caller's own."""

    max_output_tokens: int | None = None
    temperature: int | float | None = None
    top_p: int | float | None = None
    top_k: Raw | None = None
    candidate_count: int | None = None
    seed: int | None = None
    stop_sequences: list[str] = []
    presence_penalty: int | float | None = None
    frequency_penalty: int | float | None = None
    response_logprobs: bool = False
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_json_schema: Raw | None = None
    thinking_config: ThinkingConfig | Raw | None = None
    media_resolution: Raw | None = None


class GenerateContentRequest(Struct, omit_defaults=True, rename="camel"):
    """The body of `:generateContent` and `:streamGenerateContent`; the model is in the path."""

    contents: list[Content]
    system_instruction: Content | None = None
    tools: list[Tool | Raw] = []
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    safety_settings: Raw | None = None
    cached_content: Raw | None = None
    labels: Raw | None = None
    service_tier: str | None = None


class EmbedContentConfig(Struct, omit_defaults=True, rename="camel"):
    """Vertex AI's settings of one embedding. `auto_truncate`: text that is too long is cut instead of refused."""

    task_type: Raw | None = None
    title: Raw | None = None
    output_dimensionality: int | None = None
    auto_truncate: bool | None = None


class EmbedContentRequest(Struct, omit_defaults=True, rename="camel"):
    """One text to embed. AI Studio repeats the model and has the settings here, Vertex AI in their own object."""

    content: Content
    model: str | None = None
    task_type: Raw | None = None
    title: Raw | None = None
    output_dimensionality: int | None = None
    embed_content_config: EmbedContentConfig | None = None


class BatchEmbedContentsRequest(Struct):
    """The body of `:batchEmbedContents`."""

    requests: list[EmbedContentRequest]


class PredictInstance(Struct, omit_defaults=True):
    content: str
    task_type: Raw | None = None
    title: Raw | None = None


class PredictParameters(Struct, omit_defaults=True, rename="camel"):
    auto_truncate: bool | None = None
    output_dimensionality: int | None = None


class PredictRequest(Struct):
    """The body of `:predict` for Vertex AI's text embedding models."""

    instances: list[PredictInstance]
    parameters: PredictParameters


# --- answers and streams ----------------------------------------------------------------------------------------------


class CalledFunction(Struct):
    """A call that the model made. Older models give no `id`."""

    name: str = ""
    id: str | None = None
    args: Raw | UnsetType = UNSET


class AnswerPart(Struct, rename="camel"):
    """A piece of an answer. `thought` marks a summary of the model's reasoning."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    function_call: CalledFunction | None = None


class AnswerContent(Struct):
    parts: list[AnswerPart] | None = None


class Source(Struct):
    """A web page, a document or a place that an answer rests on."""

    uri: str | None = None
    title: str | None = None


class GroundingChunk(Struct, rename="camel"):
    web: Source | None = None
    retrieved_context: Source | None = None
    maps: Source | None = None

    @property
    def source(self) -> Source | None:
        return self.web or self.retrieved_context or self.maps


class Segment(Struct, rename="camel"):
    """A stretch of one part's text, in bytes of UTF-8; zeros are left out."""

    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class GroundingSupport(Struct, rename="camel"):
    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(Struct, rename="camel"):
    """Sources (`grounding_chunks`) and which of them each stretch of the answer rests on."""

    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class Citation(Struct, rename="camel"):
    """A stretch of the answer that repeats a source; indexes in bytes of the whole text."""

    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(Struct, rename="camel"):
    """Vertex AI says `citations`, AI Studio `citationSources`."""

    citations: list[Citation] | None = None
    citation_sources: list[Citation] | None = None

    @property
    def all(self) -> list[Citation]:
        return [*(self.citations or ()), *(self.citation_sources or ())]


class TokenCandidate(Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class TopCandidates(Struct):
    candidates: list[TokenCandidate] | None = None


class LogprobsResult(Struct, rename="camel"):
    """For each token the one that was chosen, and the likeliest ones."""

    chosen_candidates: list[TokenCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None


class Candidate(Struct, rename="camel"):
    """One alternative of an answer, or what a chunk adds to it."""

    content: AnswerContent | None = None
    index: int | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: GroundingMetadata | None = None
    citation_metadata: CitationMetadata | None = None
    logprobs_result: LogprobsResult | None = None


class PromptFeedback(Struct, rename="camel"):
    """Why a prompt got no answer; the message is Vertex AI's."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class ModalityTokens(Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(Struct, rename="camel"):
    """Tokens so far. Cached tokens are part of the prompt's, thoughts are not part of the candidates'."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    candidates_tokens_details: list[ModalityTokens] | None = None

    def total(self) -> TokenUsage:
        thoughts = self.thoughts_token_count or 0
        return TokenUsage(
            input_tokens=(self.prompt_token_count or 0) + (self.tool_use_prompt_token_count or 0),
            output_tokens=(self.candidates_token_count or 0) + thoughts,
            cache_read_input_tokens=self.cached_content_token_count or 0,
            reasoning_output_tokens=thoughts,
            audio_input_tokens=_audio(self.prompt_tokens_details),
            audio_output_tokens=_audio(self.candidates_tokens_details),
        )


def _audio(details: list[ModalityTokens] | None) -> int:
    return sum(detail.token_count for detail in details or () if detail.modality == "AUDIO")


class ErrorInfo(Struct, rename="camel"):
    """One of an error's details: `reason` of a `google.rpc.ErrorInfo`, `retry_delay` ("34.5s") of a `RetryInfo`."""

    reason: str = ""
    retry_delay: str = ""


class ErrorDetail(Struct):
    """A `google.rpc.Status`: `code` is the HTTP status, `status` the name of the gRPC code."""

    code: int = 0
    message: str = ""
    status: str = ""
    details: list[ErrorInfo] | None = None


class ErrorBody(Struct):
    """An error answer; on streams it may stand in an array."""

    error: ErrorDetail


class GenerateContentResponse(Struct, rename="camel"):
    """A whole answer, or one chunk of a stream. `error` is an error inside a 200."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: ErrorDetail | None = None


class EmbeddingStatistics(Struct):
    token_count: float | None = None


class Embedding(Struct):
    """`values` is an array of numbers."""

    values: Raw
    statistics: EmbeddingStatistics | None = None


class EmbedContentResponse(Struct, rename="camel"):
    """The answer of `:batchEmbedContents`."""

    embeddings: list[Embedding]
    usage_metadata: UsageMetadata | None = None


class Prediction(Struct):
    embeddings: Embedding


class PredictResponse(Struct):
    """The answer of `:predict`."""

    predictions: list[Prediction]
