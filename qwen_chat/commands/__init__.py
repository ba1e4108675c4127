"""The commands of the chat, the same in every front end; they begin with `/`, or with `:` as in Qwen's."""

from qwen_chat.commands import chats, control, files, roles, settings, tokens, tree
from qwen_chat.commands.attach import send_message
from qwen_chat.commands.conversation import summarize_conversation
from qwen_chat.commands.registry import COMMANDS, Command, parse, run, unescape_message
from qwen_chat.commands.result import CommandResult, Menu, MenuItem

__all__ = [
    "COMMANDS",
    "Command",
    "CommandResult",
    "Menu",
    "MenuItem",
    "chats",
    "control",
    "files",
    "parse",
    "roles",
    "run",
    "send_message",
    "settings",
    "summarize_conversation",
    "tokens",
    "tree",
    "unescape_message",
]
