"""The tools of an OpenAI chat request as Bedrock's Converse API has them.

References: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html,
https://github.com/BerriAI/litellm/pull/34347 (Claude's own `tool_choice`) (all seen 2026-11-21).

| OpenAI                                   | Converse                                                                  |
|------------------------------------------|---------------------------------------------------------------------------|
| a function                               | `toolSpec`, with `strict` where the model keeps to schemas                |
| `cache_control` of a function            | a `cachePoint` after it, where the model knows them                       |
| `{"systemTool": …}`, Converse's own      | the same                                                                  |
| tools of other types                     | a loss                                                                    |
| `tool_choice` `required`, or a function  | `toolChoice` `any`, `tool`                                                |
| `none`                                   | Claude: its own `none`; else no tools, or a loss after calls              |
| `parallel_tool_calls` false              | Claude: its own `disable_parallel_tool_use`; else a loss                  |

Claude's own choice goes into `additionalModelRequestFields`, and Converse's is then left out: they do not go together.
"""

import msgspec
from msgspec import Raw

from extproc.apischema import anthropic, openai_chat
from extproc.apischema.bedrock import InputSchema, NamedTool, Tool, ToolChoice, ToolConfig, ToolSpec
from extproc.apischema.openai_chat import ChatRequest, Function
from extproc.errors import InvalidRequest
from extproc.translator.bedrock_models import CachePoints, ConverseFacts
from extproc.translator.fields import present
from extproc.translator.losses import Losses
from extproc.translator.openai_to_bedrock_messages import cache_point
from extproc.translator.openai_to_bedrock_response import JSON_TOOL

_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_ANY_OBJECT = Raw(b'{"type":"object"}')
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_JSON_TOOL_DESCRIPTION = "Gives the answer to the user: its input is the whole answer."


class Tools:
    """What the model may call, and must.

    `config` is Converse's part of it, `claudes_choice` Claude's own, `forced` says that the model must call a tool.
    """

    def __init__(self, chat: ChatRequest, facts: ConverseFacts, losses: Losses) -> None:
        self.config: ToolConfig | None = None
        self.claudes_choice: anthropic.ToolChoice | None = None
        self.forced = False
        self._chat = chat
        self._facts = facts
        self._losses = losses
        self._choice = "auto"  # `auto`, `none`, `any` or `tool`, which are Anthropic's words

    def set(self, called: list[str]) -> None:
        """`called`: the tools that the conversation has calls of."""
        tools: list[Tool] = []
        for index, raw in enumerate(self._chat.tools or ()):
            tools += self._given(raw, f"tools[{index}]")
        self._choice = self._wanted(tools)
        if self._choice == "none" and not called:
            return
        tools = tools or [Tool(ToolSpec(name, InputSchema(_ANY_OBJECT))) for name in called]
        if tools:
            self.config = ToolConfig(tools)
            self._choose()

    def keep_name_free(self, name: str) -> None:
        """Raises InvalidRequest for a tool of that name."""
        tools = self.config.tools if self.config is not None else []
        if any(tool.tool_spec is not None and tool.tool_spec.name == name for tool in tools):
            raise InvalidRequest(f"tools: the name {name} is taken by response_format", param="tools")

    def force_json(self, schema: Raw) -> None:
        """The answer as a tool's input. With other tools to call, the model may take one of those first."""
        if not self._facts.forced_tools:
            self._losses.lose("response_format", "the model has no formats and cannot be made to call a tool")
            return
        self.config = self.config or ToolConfig([])
        alone = self._choice == "none" or not self.config.tools
        self.config.tools.append(Tool(ToolSpec(JSON_TOOL, InputSchema(schema), _JSON_TOOL_DESCRIPTION)))
        self.forced = True
        claudes = self.claudes_choice
        if claudes is None:
            self.config.tool_choice = _converse_choice("tool" if alone else "any", JSON_TOOL)
        elif alone:
            self.claudes_choice = anthropic.ToolChoice("tool", JSON_TOOL)
        else:
            claudes.type = "any"

    def _given(self, raw: Raw, where: str) -> list[Tool]:
        """A tool, and a cache point after it."""
        tool = openai_chat.parse_tool(raw, where)
        if tool.function is None:
            own = _FIELDS.decode(raw).get("systemTool")
            if own is not None:
                return [Tool(system_tool=own)]
            self._losses.lose(where, "Bedrock has no tools of this type")
            return []
        control = tool.cache_control or tool.function.cache_control
        spec = Tool(self._spec(tool.function, where))
        if control is None or self._facts.cache_points is not CachePoints.EVERYWHERE:
            return [spec]
        return [spec, Tool(cache_point=cache_point(control))]

    def _spec(self, function: Function, where: str) -> ToolSpec:
        strict = True if function.strict else None
        if strict and not self._facts.strict_tools:
            self._losses.lose(f"{where}.function.strict", "the model does not keep to schemas")
            strict = None
        schema = InputSchema(present(function.parameters) or _NO_PARAMETERS)
        return ToolSpec(function.name, schema, function.description or None, strict)

    def _wanted(self, tools: list[Tool]) -> str:
        choice = self._named_choice()
        if choice not in ("any", "tool"):
            return choice
        if not tools:
            raise InvalidRequest("tool_choice: there are no tools to choose from", param="tool_choice")
        if not self._facts.forced_tools:
            self._losses.lose("tool_choice", "the model cannot be made to call a tool")
            return "auto"
        return choice

    def _named_choice(self) -> str:
        wanted = self._chat.tool_choice
        if wanted is None:
            return "auto"
        if isinstance(wanted, str):
            if wanted not in _CHOICES:
                raise InvalidRequest("tool_choice: neither auto, none, required nor a function", param="tool_choice")
            return _CHOICES[wanted]
        if wanted.function is not None:
            return "tool"
        self._losses.lose("tool_choice", "only a function can be chosen")
        return "auto"

    def _choose(self) -> None:
        choice, name = self._choice, self._chosen_name
        one_at_a_time = self._chat.parallel_tool_calls is False and choice != "none"
        self.forced = choice in ("any", "tool")
        if self._facts.claude is not None and (one_at_a_time or choice == "none"):
            self.claudes_choice = anthropic.ToolChoice(choice, name or None, one_at_a_time or None)
            return
        if one_at_a_time:
            self._losses.lose("parallel_tool_calls", "the model decides how many tools it calls")
        if choice == "none":
            self._losses.lose("tool_choice", "tools that were called cannot be forbidden")
        if self.forced and self.config is not None:
            self.config.tool_choice = _converse_choice(choice, name)

    @property
    def _chosen_name(self) -> str:
        wanted = self._chat.tool_choice
        if self._choice != "tool" or wanted is None or isinstance(wanted, str) or wanted.function is None:
            return ""
        return wanted.function.name


def _converse_choice(choice: str, name: str) -> ToolChoice:
    return ToolChoice(tool=NamedTool(name)) if choice == "tool" else ToolChoice(any={})
