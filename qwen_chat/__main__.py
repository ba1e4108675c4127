"""`python -m qwen_chat` is the command qwen-chat."""

from qwen_chat.cli import run

run()
