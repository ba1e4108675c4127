"""Input in the terminal: the prompt, its keys, completion, and lists to pick from."""
