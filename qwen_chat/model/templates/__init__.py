"""Chat templates: Jinja that knows of each character it writes whether a person typed it."""
