"""Commands of the chat, the same in every front end: Qwen's own with `:`, and all of them with `/`."""

from qwen_chat.commands import control, files, settings, tokens, tree
from qwen_chat.commands.conversation import standing
from qwen_chat.commands.table import COMMANDS, Command, Outcome, as_message, parse, run

__all__ = [
    "COMMANDS",
    "Command",
    "Outcome",
    "as_message",
    "control",
    "files",
    "parse",
    "run",
    "settings",
    "standing",
    "tokens",
    "tree",
]
