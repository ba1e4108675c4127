"""`python -m qwen_chat` runs the command qwen-chat."""

from qwen_chat.cli import run

if __name__ == "__main__":  # worker processes import this file, too
    run()
