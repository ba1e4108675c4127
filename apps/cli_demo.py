"""The terminal chat, by the name that users of Qwen's cli_demo.py know: -c CHECKPOINT --cpu-only -s SEED."""

from qwen_chat.cli import run

if __name__ == "__main__":
    run()
