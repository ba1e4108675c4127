"""The terminal front end: a chat loop, and one answer for pipes."""
