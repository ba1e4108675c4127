"""The flags of the chat: its own, and one for each setting."""

import click

from qwen_chat.cli.flags import setting_options

CHAT_FLAGS: list[click.Parameter] = [
    click.Option(["-p", "--prompt"], help="answer this question, then exit"),
    click.Option(
        ["--json", "as_json"], is_flag=True, help="with -p or stdin: print the answer as one JSON object"
    ),
    click.Option(["--continue", "go_on"], is_flag=True, help="continue the last conversation"),
    click.Option(["--resume"], metavar="ID", help="continue the conversation with this id"),
    click.Option(["--system-file"], metavar="FILE", help="read the system prompt from a file"),
    *setting_options(),
]
