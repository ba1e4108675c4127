"""`qwen-chat`: the root command. Without a subcommand it is the chat."""

from typing import Any

import click

from qwen_chat import __version__
from qwen_chat.cli.lazy_group import LazyGroup

NAME = "qwen-chat"

COMMANDS = {
    "web": "open the page: the same conversations in a browser",
    "serve": "serve the API of OpenAI and Anthropic to other programs",
    "chats": "list, search, show, export, import and delete saved chats",
    "batch": "answer many prompts from a file",
    "quantize": "make a checkpoint smaller",
    "profile": "measure speed and memory",
    "roles": "list, show, import and test roles",
    "models": "list, fetch and remove models, with how they fit and how fast they run",
    "config": "show the settings in force and where they come from",
    "completion": "print the script that makes bash, zsh or fish complete qwen-chat",
}
"""Every subcommand and its line in the help."""


def _load_flags() -> list[click.Parameter]:
    from qwen_chat.cli.chat_flags import CHAT_FLAGS

    return CHAT_FLAGS


@click.group(
    name=NAME,
    cls=LazyGroup,
    package="qwen_chat.cli",
    summaries=COMMANDS,
    load_flags=_load_flags,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="With -p, or with a question on stdin, the answer goes to stdout. Every setting can also stand in "
    "config.toml, or in the environment as QWEN_CHAT_*.",
)
@click.version_option(__version__, prog_name=NAME)
@click.pass_context
def root(context: click.Context, /, **flags: Any) -> int:  # noqa: ANN401
    """Chat with a model of the Qwen family, or with the embedded one when none is named."""
    if context.invoked_subcommand is not None:
        return 0
    from qwen_chat.cli.chat import chat

    return chat(**flags)
