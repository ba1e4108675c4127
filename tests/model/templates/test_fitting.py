"""Conversations in any order, for templates that want turns, or know no system prompt."""

from pathlib import Path

import pytest

from qwen_chat import i18n
from qwen_chat.message import Message, Tool, ToolCall
from qwen_chat.model.chatml import Segment
from qwen_chat.model.prompt import PromptFormat
from qwen_chat.model.templates.fitting import FittingTemplate
from qwen_chat.model.templates.system_prompt import find_default_system
from qwen_chat.model.templates.template import ChatTemplate

KINDS = Path(__file__).with_name("kinds")
VARIABLES = {"bos_token": "<s>", "eos_token": "</s>"}

S, G, Q, A, R = (
    Message("system", "Be a cook."),
    Message("assistant", "Welcome!"),
    Message("user", "Soup?"),
    Message("assistant", "Yes."),
    Message("user", "Which?"),
)
EMPTY = Message("assistant", "")


def template(kind: str) -> ChatTemplate:
    return ChatTemplate({"default": (KINDS / f"{kind}.jinja").read_text(encoding="utf-8")}, VARIABLES)


def write(kind: str, *messages: Message) -> tuple[str, set[str]]:
    """Return a prompt, and the codes of what a person is told."""
    text, notices = FittingTemplate(template(kind)).write(messages)
    told = {notice.code for notice in notices if isinstance(notice, i18n.Text)}
    return "".join(str(each) for each in [*text]), {code.removeprefix("notice.") for code in told}


MERGED = {"turns_merged"}
TURN = "<start_of_turn>{}\n{}<end_of_turn>\n".format
END = "<start_of_turn>model\n"


@pytest.mark.parametrize(
    ("messages", "turns", "told"),
    [
        ([Q, A, R], [("user", "Soup?"), ("model", "Yes."), ("user", "Which?")], set()),
        ([S, Q], [("user", "Be a cook.\n\nSoup?")], {"system_folded"}),
        ([G, Q], [("user", "Hello."), ("model", "Welcome!"), ("user", "Soup?")], {"opening_added"}),
        ([S, G, Q], [("user", "Be a cook."), ("model", "Welcome!"), ("user", "Soup?")], {"system_folded"}),
        ([Q, R], [("user", "Soup?\n\nWhich?")], MERGED),
        ([Q, A, G, R], [("user", "Soup?"), ("model", "Yes.\n\nWelcome!"), ("user", "Which?")], MERGED),
        ([Q, A, S, R], [("user", "Soup?"), ("model", "Yes."), ("user", "Be a cook.\n\nWhich?")], MERGED),
        (
            [G, Q, R],
            [("user", "Hello."), ("model", "Welcome!"), ("user", "Soup?\n\nWhich?")],
            MERGED | {"opening_added"},
        ),
    ],
)  # fmt: skip
def test_a_strict_template_gets_turns(
    messages: list[Message], turns: list[tuple[str, str]], told: set[str]
) -> None:
    assert write("no_system", *messages) == ("<s>" + "".join(TURN(*turn) for turn in turns) + END, told)


def test_a_system_prompt_stays_where_the_template_knows_it() -> None:
    text, told = write("system_in_question", S, G, Q, R)
    assert text == (
        "<s>[INST] <<SYS>>\nBe a cook.\n<</SYS>>\n\nHello. [/INST] Welcome! </s>"
        "<s>[INST] Soup?\n\nWhich? [/INST]"
    )
    assert told == {"opening_added", "turns_merged"}


def test_a_template_that_drops_the_system_prompt_gets_it_in_the_question() -> None:
    assert write("silent_system", S, Q) == ("<s>[INST] Be a cook.\n\nSoup? [/INST]", {"system_folded"})


@pytest.mark.parametrize("kind", ["chatml", "trimmed", "decorated", "thinking", "parts_only"])
def test_a_template_that_takes_any_order_gets_it(kind: str) -> None:
    given = [S, G, Q, R]
    text, told = write(kind, *given)
    assert told == set()
    places = [text.index(message.content) for message in given]
    assert places == sorted(places)
    assert "Hello." not in text
    assert text.lower().count("<|im_start|>") == len(given) + (kind != "parts_only")


@pytest.mark.parametrize("kind", ["chatml", "no_system", "system_in_question"])
def test_no_empty_turn_is_sent(kind: str) -> None:
    format = PromptFormat(template(kind), lambda text: [Segment(text)])
    without = format.render([Q, R]).segments
    assert format.render([Q, EMPTY, R]).segments == without
    assert format.render([EMPTY, Q, Message("user", ""), EMPTY, R]).segments == without


def test_no_empty_turn_is_sent_as_chatml_either() -> None:
    format = PromptFormat(None, lambda text: [Segment(text)])
    assert format.segments([Q, EMPTY, R]) == format.segments([Q, R])


def test_the_default_system_prompt_is_what_can_be_given_as_one() -> None:
    assert find_default_system(template("decorated")) == "You are a helpful assistant made for tests."
    assert find_default_system(template("chatml")) == ""
    assert find_default_system(template("no_system")) == ""


@pytest.mark.parametrize("end", ["", "{{ messages[0].content }}"])
def test_what_a_template_adds_is_not_given_back_to_it(end: str) -> None:
    # The whole block is no system prompt: as a message, it would stand within another block.
    decorated = (
        "<|im_start|>system\nDate: today\n{% if messages[0].role == 'system' %}Told: "
        "{{ messages[0].content | upper }}{% else %}You are a test.{% endif %}<|im_end|>\n"
        "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}<|im_start|>assistant\n"
    )
    format = PromptFormat(ChatTemplate({"default": decorated}), lambda text: [Segment(text)])
    assert format.default_system == ""
    text = "".join(segment.text for segment in format.segments([Q]))
    assert text.startswith("<|im_start|>system\nDate: today\nYou are a test.<|im_end|>\n<|im_start|>user")
    assert text.count("today") == 1


def test_a_default_that_is_given_anew_is_added_once() -> None:
    format = PromptFormat(template("decorated"), lambda text: [Segment(text)], "Be short.")
    text = "".join(segment.text for segment in format.segments([Q]))
    assert text.count("## Metadata") == 1
    assert "Instructions\n\nBe short.\n\n<|im_end|>" in text


def test_tools_go_to_the_template_for_them() -> None:
    tool = Tool("weather", "Tell the weather.", {})
    both = ChatTemplate(
        {
            "default": "{{ messages[-1].content }}",
            "tool_use": "{{ tools[0].function.name }}: {{ messages[-1].content }}",
            "rag": "{{ damaged",
        }
    )
    assert both.write([Q]) == "Soup?"
    assert both.write([Q], [tool]) == "weather: Soup?"


def test_arguments_are_text_for_a_template_that_wants_text() -> None:
    source = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ '<' + c.function.arguments + '>' }}"
    wants_text = ChatTemplate({"default": source + "{% endfor %}{{ m.content }}{% endfor %}"})
    call = Message("assistant", "", tool_calls=(ToolCall("1", "f", '{"a": 1}'),))
    assert wants_text.write([Q, call]) == 'Soup?<{"a": 1}>'


NEEDS_A_QUESTION = (
    "{% set ns = namespace(asked=false) %}{% for m in messages %}"
    "{% set ns.asked = ns.asked or m.role == 'user' %}"
    "{{ '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' }}{% endfor %}"
    "{{ '<|im_start|>assistant\n' if ns.asked else raise_exception('no question') }}"
)


@pytest.mark.parametrize(
    ("messages", "start"), [([], ""), ([S], "<|im_start|>system\nBe a cook.<|im_end|>\n")]
)
def test_a_conversation_without_turns_has_a_prompt(messages: list[Message], start: str) -> None:
    text, notices = FittingTemplate(ChatTemplate({"default": NEEDS_A_QUESTION})).write(messages)
    assert (text, notices) == (f"{start}<|im_start|>assistant\n", ())
    assert write("chatml", *messages)[0] == f"{start}<|im_start|>assistant\n"


def test_a_strict_template_reads_an_opening_where_there_are_no_turns() -> None:
    assert write("no_system")[0] == "<s>" + TURN("user", "Hello.") + END
    assert write("no_system", S)[0] == "<s>" + TURN("user", "Be a cook.\n\nHello.") + END


def test_a_template_for_tools_alone_gets_an_empty_list_of_them() -> None:
    source = (
        "{% for tool in tools %}{{ tool }}{% endfor %}{% for m in messages %}{{ m.content }};{% endfor %}"
    )
    text, told = FittingTemplate(ChatTemplate({"default": source})).write([S, Q, R])
    assert (text, told) == ("Be a cook.;Soup?;Which?;", ())
