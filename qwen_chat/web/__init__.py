"""The page: the same conversations in a browser, over the same sessions, store, roles and engines."""
