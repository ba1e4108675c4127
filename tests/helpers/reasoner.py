"""A checkpoint that reasons, out of one that does not: the same weights under a template of Qwen3's kind.

A model this small learns to reason from what it reads: the template shows a few questions and their answers
before the last question. Whether there is reasoning at all it copies from them, too, and cannot tell by
the soft switches: one template shows reasoning, another shows questions under /no_think without it.
"""

import struct
from pathlib import Path
from typing import Literal

Kind = Literal["opens", "is opened for", "does not"]
"""Whether the model opens its reasoning itself, or the template does, or the model leaves it empty."""

SAMPLING = {"temp": 0.6, "top_p": 0.95}
"""What the checkpoint asks for, by GGUF's names."""

_SHOWN = (
    (
        "What color is grass?",
        "The user asks about grass. Grass is a plant, and most plants are green. So the answer is green.",
        "Grass is green.",
    ),
    (
        "What do bees make?",
        "The user asks about bees. Bees are insects that collect nectar. So the answer is honey.",
        "Bees make honey.",
    ),
    (
        "What do birds have?",
        "The user asks about birds. Birds are animals that can fly. So the answer is wings.",
        "Birds have wings.",
    ),
)

# Qwen3's own template without its tools; SHOWN and OPEN are filled in.
_TEMPLATE = """\
{%- set ns = namespace(searching=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- if ns.searching and message.role == "user" %}
        {%- set ns.searching = false %}
        {%- set ns.last_query_index = (messages|length - 1) - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].split('<think>')[-1] %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last_query_index and (loop.last or reasoning_content) %}
            {{- '<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' }}
        {%- endif %}
        {{- content + '<|im_end|>\\n' }}
    {%- else %}
        {%- if loop.index0 == ns.last_query_index and enable_thinking is not false %}
            {{- 'SHOWN' }}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- else %}
        {{- 'OPEN' }}
    {%- endif %}
{%- endif %}
"""


def write_reasoner(path: Path, like: Path, kind: Kind) -> Path:
    """Write a copy of the checkpoint `like` with another template, and sampling of its own."""
    whole = like.read_bytes()
    key = _text("tokenizer.chat_template")
    start = whole.index(key) + len(key) + 4
    end = start + 8 + struct.unpack_from("<Q", whole, start)[0]
    sampling = b"".join(
        _text(f"general.sampling.{name}") + struct.pack("<If", 6, value) for name, value in SAMPLING.items()
    )
    template = _template(kind)
    # What follows stands at multiples of 32 bytes, so it moves by one.
    grown = len(_text(template)) + len(sampling) - (end - start)
    entries = _text(template + " " * (-grown % 32)) + sampling
    facts = struct.unpack_from("<Q", whole, 16)[0] + len(SAMPLING)
    path.write_bytes(whole[:16] + struct.pack("<Q", facts) + whole[24:start] + entries + whole[end:])
    return path


def _template(kind: Kind) -> str:
    shown = "".join(
        f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"
        for question, answer in (_turn(kind, *turn) for turn in _SHOWN)
    )
    opened = "<think>\n" if kind == "is opened for" else ""
    return _TEMPLATE.replace("SHOWN", _escaped(shown)).replace("OPEN", _escaped(opened)) + "{#- -#}"


def _turn(kind: Kind, question: str, reasoning: str, answer: str) -> tuple[str, str]:
    if kind == "does not":
        return f"{question} /no_think", f"<think>\n\n</think>\n\n{answer}"
    return question, f"<think>\n{reasoning}\n</think>\n\n{answer}"


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n")


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()
