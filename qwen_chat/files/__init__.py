"""Files that people and programs write: where they lie, how they are read and written."""
