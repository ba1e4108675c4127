"""Commands of the chat, the same in every front end: Qwen's own with `:`, and all of them with `/`."""

from qwen_chat.commands import chats, control, files, roles, settings, tokens, tree
from qwen_chat.commands.attach import say
from qwen_chat.commands.conversation import standing
from qwen_chat.commands.table import COMMANDS, Choice, Command, Outcome, Picking, as_message, parse, run

__all__ = [
    "COMMANDS",
    "Choice",
    "Command",
    "Outcome",
    "Picking",
    "as_message",
    "chats",
    "control",
    "files",
    "parse",
    "roles",
    "run",
    "say",
    "settings",
    "standing",
    "tokens",
    "tree",
]
