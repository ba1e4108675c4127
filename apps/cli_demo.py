"""The terminal chat, named like Qwen's cli_demo.py and with its flags: -c CHECKPOINT --cpu-only -s SEED."""

from qwen_chat.cli import run

if __name__ == "__main__":
    run()
