"""Roles: named system prompts with greetings, lore and sampling; built-in ones and the user's own."""

from qwen_chat.roles.library import all_roles, load_role, own_roles_dir, role_names, role_path
from qwen_chat.roles.role import Role
from qwen_chat.roles.role_file import LANGUAGES, USES, read_role, read_sampling

__all__ = [
    "LANGUAGES",
    "USES",
    "Role",
    "all_roles",
    "load_role",
    "own_roles_dir",
    "read_role",
    "read_sampling",
    "role_names",
    "role_path",
]
