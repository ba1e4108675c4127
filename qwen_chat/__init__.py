"""Chat with the Qwen model family: in a terminal, on whatever machine you have."""

__version__ = "0.1.0"
