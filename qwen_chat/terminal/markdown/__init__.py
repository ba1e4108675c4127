"""Markdown as rows of a terminal, rendered line by line while the model writes it."""
