"""The SQLite schema: one migration for each version, and the SQL functions that migrations call."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict

from qwen_chat.files.fenced import split_files
from qwen_chat.message import Attachment, ToolCall
from qwen_chat.storage.full_text import separate_cjk

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
        head TEXT, system TEXT);
    CREATE INDEX conversations_updated ON conversations (updated);
    CREATE TABLE messages (
        id TEXT PRIMARY KEY, conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent TEXT, role TEXT NOT NULL, content TEXT NOT NULL, reasoning TEXT NOT NULL,
        created REAL NOT NULL, model TEXT, system TEXT, seed INTEGER, finish_reason TEXT, usage TEXT);
    CREATE INDEX messages_conversation ON messages (conversation);
    CREATE TABLE drafts (
        message TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE, position INTEGER NOT NULL,
        content TEXT NOT NULL, reasoning TEXT NOT NULL, PRIMARY KEY (message, position)) WITHOUT ROWID;
    """,
    """
    CREATE VIRTUAL TABLE words USING fts5 (content, tokenize = 'unicode61 remove_diacritics 2');
    INSERT INTO words (rowid, content) SELECT rowid, spaced(content) FROM messages WHERE role != 'system';
    """,
    """
    ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
    """,
    # Messages of earlier versions hold attached files as fenced text before what was typed.
    """
    ALTER TABLE conversations ADD COLUMN role TEXT;
    ALTER TABLE messages ADD COLUMN tool_calls TEXT;
    ALTER TABLE messages ADD COLUMN tool_call_id TEXT;
    ALTER TABLE messages ADD COLUMN name TEXT;
    ALTER TABLE messages ADD COLUMN attachments TEXT;
    UPDATE messages SET attachments = attached_files(content), content = typed_text(content)
    WHERE role = 'user' AND attached_files(content) IS NOT NULL;
    """,
)
"""The statements that bring a database from each version to the next."""


def add_functions(connection: sqlite3.Connection) -> None:
    """Let a connection call the functions that the migrations use."""
    for name, function in (
        ("spaced", separate_cjk),
        ("attached_files", _attached_files),
        ("typed_text", _typed_text),
    ):
        connection.create_function(name, 1, function, deterministic=True)


def to_json_list(values: Iterable[Attachment | ToolCall]) -> str | None:
    """Return values as a column holds them; None for no values."""
    entries = [asdict(value) for value in values]
    return json.dumps(entries, ensure_ascii=False) if entries else None


def _attached_files(text: str) -> str | None:
    return to_json_list(split_files(text)[0])


def _typed_text(text: str) -> str:
    return split_files(text)[1]
