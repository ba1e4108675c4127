"""Exports a branch as a sample for Qwen's finetune.py, which the tools of ShareGPT read, too.

The system prompt has a field of its own: finetune.py knows only the roles user and assistant.
"""

import json
from collections.abc import Iterator
from itertools import pairwise

from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text
from qwen_chat.history import History, Node


def to_qwen(history: History) -> str:
    """Return the branch in view as a list of one sample, without questions that have no answer.

    Raises: UsageError when no question has an answer.
    """
    turns = [turn for question, answer in _pairs(history.path()) for turn in (question, answer)]
    if not turns:
        raise UsageError("nothing to learn from: no question of the branch in view has an answer")
    sample: dict[str, object] = {"id": history.id, "title": history.title}
    if history.system is not None and history.system.message.content:
        sample["system"] = history.system.message.content
    sample["conversations"] = [{"from": node.message.role, "value": _training_text(node)} for node in turns]
    return json.dumps([sample], ensure_ascii=False, indent=1) + "\n"


def _pairs(path: list[Node]) -> Iterator[tuple[Node, Node]]:
    """Yield questions with their answers: trainers expect them in turn, and neither empty."""
    for question, answer in pairwise(path):
        has_text = full_text(question.message) and answer.message.content
        if has_text and (question.message.role, answer.message.role) == ("user", "assistant"):
            yield question, answer


def _training_text(node: Node) -> str:
    thought, text = node.message.reasoning, full_text(node.message)
    return f"<think>\n{thought}\n</think>\n\n{text}" if thought else text
