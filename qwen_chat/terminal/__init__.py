"""The terminal: a loop to talk in, and one answer for pipes."""
