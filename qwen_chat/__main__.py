"""`python -m qwen_chat` is the command qwen-chat."""

from qwen_chat.cli import run

if __name__ == "__main__":  # processes of our own import it, too
    run()
