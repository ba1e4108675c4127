"""The role that the model plays in a conversation."""

from contextlib import suppress

from qwen_chat.errors import UsageError
from qwen_chat.history import History
from qwen_chat.roles import Role, all_roles, load_role


def role_name(role: Role | None) -> str:
    """Return the name of a role as a conversation keeps it, "" for none."""
    return role.name if role else ""


def find_role(history: History, user_name: str) -> Role | None:
    """Return the role of a conversation, or None when it has none or the role cannot be read.

    Conversations of old versions do not name their role: it is the one with the same system prompt.
    """
    if history.role is None:
        role = _guess_role(history, user_name)
        history.role = role_name(role)
        return role
    with suppress(UsageError):
        return load_role(history.role).fill_names(user_name) if history.role else None
    return None


def _guess_role(history: History, user_name: str) -> Role | None:
    system = history.system.message.content if history.system else ""
    roles = (role.fill_names(user_name) for role in (all_roles()[0] if system else ()))
    return next((role for role in roles if role.system == system), None)
