"""Reads conversations and fine-tuning samples that are lists of turns.

`conversations` of ShareGPT, Qwen and LLaMA-Factory, `messages` of ChatML, ms-swift and Ollama,
`conversation` of LMSYS. The speaker and the text have several names; an answer that was rejected becomes a
branch.
"""

from collections.abc import Mapping
from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.chain import Chain
from qwen_chat.importers.content import read_calls, read_content, read_reasoning
from qwen_chat.importers.parsed import ParsedConversation, ParsedMessage
from qwen_chat.importers.roles import Speakers
from qwen_chat.message import MessageRole

_LISTS = ("conversations", "messages", "conversation", "chosen")
_SPEAKERS = ("from", "role", "speaker", "author", "sender")
_TEXTS = ("value", "content", "text", "message")
_TIMES = ("timestamp", "created_at", "create_time", "tstamp")
_REJECTED = ("rejected", "rejected_response", "rejected_messages")


def is_chat(entry: dict[str, Any]) -> bool:
    """Return whether an object is a list of turns."""
    return any(isinstance(entry.get(name), list) for name in _LISTS)


def is_turn(value: object) -> bool:
    """Return whether a value is a turn by itself, as in a file that is one conversation."""
    if not isinstance(value, dict) or is_chat(value):
        return False
    return any(isinstance(value.get(name), str) for name in _SPEAKERS) and any(
        name in value for name in (*_TEXTS, "tool_calls")
    )


def read(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a conversation.

    Raises: ValueError that names the message and its fault.
    """
    name = next(name for name in _LISTS if isinstance(entry.get(name), list))
    chain, speakers = Chain(), Speakers()
    add_turns(chain, entry[name], speakers)
    if name != "chosen" and isinstance(chosen := entry.get("chosen"), dict | list):
        add_turns(chain, [chosen] if isinstance(chosen, dict) else chosen[-1:], speakers)
    head = chain.head
    for rejected in _REJECTED:
        _add_rejected(chain, entry.get(rejected), speakers)
    title = entry.get("title")
    return ParsedConversation(
        parsed.text_of(title, "title") if isinstance(title, str) else "",
        chain.messages,
        head,
        parsed.text_of(entry.get("system"), "system"),
        speakers.notes(),
    )


def add_turns(chain: Chain, turns: list[Any], speakers: Speakers) -> None:
    """Add turns to a chain.

    Raises: ValueError that names the message and its fault.
    """
    for number, turn in enumerate(turns, 1):
        try:
            _add_turn(chain, parsed.object_of(turn, "message"), speakers)
        except ValueError as error:
            raise ValueError(f"message {number}: {error}") from None


def _add_turn(chain: Chain, turn: Mapping[str, Any], speakers: Speakers) -> None:
    turn = dict(turn)
    before = chain.last
    who = next((turn[name] for name in _SPEAKERS if turn.get(name) is not None), None)
    speaker = speakers.find(who, _asker(before))
    field = next((name for name in _TEXTS if turn.get(name) is not None), "content")
    text = read_content(turn.get(field), field)
    if speaker.role != "assistant":
        message = chain.add(speaker.role, "\n".join(filter(None, (text, *_pictures(turn)))))
    else:
        message = _add_answer(chain, turn, text, speaker.label)
        message.continues_answer = bool(speaker.label) or (
            before is not None and before.role == "assistant" and before.continues_answer
        )
    message.created = next((time for name in _TIMES if (time := parsed.time_of(turn.get(name)))), None)


def _add_answer(chain: Chain, turn: dict[str, Any], text: str, label: str) -> ParsedMessage:
    thought, text = _split_reasoning(text)
    reasoning, calls = read_reasoning(turn) or thought, read_calls(turn)
    text = f"{parsed.placeholder(label)} {text}".rstrip() if label else text
    message = chain.add("assistant", "\n".join(filter(None, (text, calls))), reasoning=reasoning)
    message.model = parsed.text_of(turn["model"], "model") if isinstance(turn.get("model"), str) else ""
    message.continues_answer = bool(calls)
    return message


def _asker(before: ParsedMessage | None) -> MessageRole | None:
    return before.role if before else None


def _add_rejected(chain: Chain, value: object, speakers: Speakers) -> None:
    """Add an answer that was rejected beside the last answer."""
    answer = chain.messages[-1] if chain.messages else None
    if value is None or answer is None or answer.role != "assistant":
        return
    before = {message.id: message for message in chain.messages}.get(answer.parent or "")
    chain.last = before
    turns = value if isinstance(value, list) else [value]
    if all(isinstance(turn, str) for turn in turns):
        for text in turns:
            chain.last = before
            chain.add("assistant", parsed.text_of(text, "rejected"))
    else:
        add_turns(chain, turns[-1:], speakers)


def _pictures(turn: Mapping[str, Any]) -> list[str]:
    """Return placeholders for the pictures that Ollama keeps beside the text."""
    images = turn.get("images")
    return [parsed.placeholder("image")] * len(images) if isinstance(images, list) else []


def _split_reasoning(text: str) -> tuple[str, str]:
    """Return the reasoning and the answer of a text in the form of Qwen3's samples."""
    if not text.startswith("<think>\n"):
        return "", text
    thought, end, answer = text.removeprefix("<think>\n").partition("\n</think>\n\n")
    return (thought, answer) if end else ("", text)
