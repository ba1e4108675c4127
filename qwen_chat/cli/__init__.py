"""The command line: arguments -> which front end with which model."""

from qwen_chat.cli.main import main, run

__all__ = ["main", "run"]
