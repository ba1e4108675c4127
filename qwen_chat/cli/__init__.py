"""The command line: it reads flags and starts a front end with a model."""

from qwen_chat.cli.main import main, run

__all__ = ["main", "run"]
