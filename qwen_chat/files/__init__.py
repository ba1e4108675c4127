"""Files that people and programs write: their paths, safe reads and writes, JSON and TOML."""
