"""Who speaks in a message of another program, by the names that programs have for it."""

from dataclasses import dataclass, field

from qwen_chat.importers.parsed import text_of
from qwen_chat.message import MessageRole
from qwen_chat.text import plural

_SYSTEM = ("system", "developer", "root", "instruction", "context")
_USER = ("user", "human", "person", "prompter", "customer", "question", "query", "player", "me", "you")
_ASSISTANT = (
    "assistant",
    "gpt",
    "chatgpt",
    "claude",
    "bing",
    "bard",
    "gemini",
    "model",
    "ai",
    "bot",
    "chatbot",
    "answer",
    "response",
    "char",
    "character",
)
_TOOLS = {
    "function_call": "tool call",
    "tool_call": "tool call",
    "tool": "tool",
    "function": "tool",
    "ipython": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "tool_result": "tool",
}

ROLES: dict[str, MessageRole] = {
    **dict.fromkeys(_SYSTEM, "system"),
    **dict.fromkeys(_USER, "user"),
    **dict.fromkeys(_ASSISTANT, "assistant"),
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose a message is here; `label` is written before the text of one that is a part of an answer."""

    role: MessageRole
    label: str = ""


@dataclass(slots=True)
class Speakers:
    """Finds who speaks, and notes what had to be guessed."""

    _guessed: int = 0
    _unknown: dict[str, int] = field(default_factory=dict)

    def find(self, name: object, before: MessageRole | None, *, answers: bool = False) -> Speaker:
        """Return the speaker by a name; without one, whoever speaks after `before`, or who answers."""
        if not isinstance(name, str) or not name.strip():
            self._guessed += 1
            return Speaker("assistant" if answers or before == "user" else "user")
        key = text_of(name, "role").strip().lower()
        if key in _TOOLS:
            return Speaker("assistant", _TOOLS[key])
        if key in ROLES:
            return Speaker(ROLES[key])
        self._unknown[key] = self._unknown.get(key, 0) + 1
        return Speaker("assistant", " ".join(key.split())[:40])

    def notes(self) -> list[str]:
        """Return a line for each guess."""
        lines = [f"the role of {plural(self._guessed, 'message')} is guessed"] if self._guessed else []
        for name, count in self._unknown.items():
            lines.append(f"{plural(count, 'message')} of the unknown role {name[:40]!r} became answers")
        return lines
