"""Reads fine-tuning samples that are pairs of a question and an answer, and comparisons of two models.

`instruction`, `input`, `output` of Alpaca; `query`, `response`, `history` of ms-swift; `prompt` and
`completion`, or `chosen` and `rejected`, of TRL; `conversation_a` and `conversation_b` of LMSYS.
"""

from typing import Any

from qwen_chat.importers import parsed
from qwen_chat.importers.chain import Chain
from qwen_chat.importers.content import read_content
from qwen_chat.importers.parsed import ParsedConversation
from qwen_chat.importers.roles import Speakers
from qwen_chat.importers.sharegpt import add_turns

_QUESTIONS = ("instruction", "query", "prompt", "question")
_ANSWERS = ("output", "response", "completion", "chosen", "answer")
_REJECTED = ("rejected", "rejected_response")
_GAP = "\n\n"


def is_pair(entry: dict[str, Any]) -> bool:
    """Return whether an object is a question with an answer."""
    return any(name in entry for name in _QUESTIONS) and any(name in entry for name in _ANSWERS)


def is_comparison(entry: dict[str, Any]) -> bool:
    """Return whether an object is a comparison of two models."""
    return isinstance(entry.get("conversation_a"), list) and isinstance(entry.get("conversation_b"), list)


def read_pair(entry: dict[str, Any]) -> ParsedConversation:
    """Return the messages of a sample; an answer that was rejected becomes a branch.

    Raises: ValueError.
    """
    chain, speakers = Chain(), Speakers()
    for turn in parsed.list_of(entry.get("history"), "history"):
        pair = parsed.list_of(turn, "history")
        for role, text in zip(("user", "assistant"), pair, strict=False):
            chain.add("user" if role == "user" else "assistant", parsed.text_of(text, "history"))
    question = next(entry[name] for name in _QUESTIONS if name in entry)
    if isinstance(question, list):
        add_turns(chain, question, speakers)
    else:
        texts = (parsed.text_of(question, "question"), read_content(entry.get("input"), "input"))
        chain.add("user", _GAP.join(filter(None, texts)))
    asked = chain.last
    given = [entry[name] for name in (*_ANSWERS, *_REJECTED) if entry.get(name) is not None]
    heads = []
    for answer in given:
        chain.last = asked
        _add_answer(chain, answer, speakers)
        heads.append(chain.head)
    system = parsed.text_of(entry.get("system"), "system")
    return ParsedConversation("", chain.messages, heads[0] if heads else chain.head, system, speakers.notes())


def read_comparison(entry: dict[str, Any]) -> ParsedConversation:
    """Return both conversations as branches of one; the model that won, or the first, is in view.

    Raises: ValueError.
    """
    chain, speakers = Chain(), Speakers()
    heads = {}
    for side in ("b", "a"):
        chain.last = None
        begun = len(chain.messages)
        add_turns(chain, entry[f"conversation_{side}"], speakers)
        for message in chain.messages[begun:]:
            if message.role == "assistant":
                message.model = parsed.text_of(entry.get(f"model_{side}"), "model")
        heads[side] = chain.head
    _share_questions(chain)
    head = heads["b" if entry.get("winner") == "model_b" else "a"]
    return ParsedConversation("", chain.messages, head, notes=speakers.notes())


def _share_questions(chain: Chain) -> None:
    """Let the second conversation begin with the first question of the other, if it is the same."""
    firsts = [message for message in chain.messages if message.parent is None]
    if len(firsts) == 2 and firsts[0].content == firsts[1].content:
        kept, double = firsts
        chain.messages.remove(double)
        for message in chain.messages:
            if message.parent == double.id:
                message.parent = kept.id


def _add_answer(chain: Chain, answer: object, speakers: Speakers) -> None:
    if isinstance(answer, list):
        # A preference sample may hold the whole conversation: what follows the question is the answer.
        turns = [turn for turn in answer if isinstance(turn, dict)]
        add_turns(chain, turns[-1:] if chain.last else turns, speakers)
    elif isinstance(answer, dict):
        add_turns(chain, [answer], speakers)
    else:
        chain.add("assistant", parsed.text_of(answer, "answer"))
