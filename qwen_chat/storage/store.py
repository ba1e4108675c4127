"""Saves conversations message by message, lists them, searches them and loads them.

An unfinished answer is kept in `drafts`, a row for each piece, so that each write costs the same however
long the answer is. The process of an answer whose `finish_reason` is null ended before the answer did.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from qwen_chat.errors import StoreError, UsageError
from qwen_chat.files.fenced import full_text
from qwen_chat.files.paths import data_dir
from qwen_chat.history import History, Node
from qwen_chat.storage.database import Database
from qwen_chat.storage.full_text import MARKS, format_snippet, match_query, separate_cjk
from qwen_chat.storage.queries import (
    INSERT_CONVERSATION,
    INSERT_MESSAGE,
    SEARCH_MESSAGES,
    SELECT_COMPARED,
    SELECT_DRAFTS,
    SELECT_MESSAGES,
    SELECT_SUMMARY,
)
from qwen_chat.storage.records import (
    Hit,
    Summary,
    compared_values,
    first_message_key,
    join_drafts,
    message_row,
    node_from_row,
    summary_from_row,
)

__all__ = ["Hit", "Store", "Summary", "default_path"]

_EXCERPT_WORDS = 24


def default_path() -> Path:
    """Return the path of the database."""
    return data_dir() / "chats.db"


class Store:
    """The saved conversations; several threads and processes may use them at once.

    Raises: StoreError from every method when the database cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def waiting(self, seconds: float) -> AbstractContextManager[None]:
        """Wait at most `seconds` for another process that is writing, within the block."""
        return self._database.waiting(seconds)

    # Writing

    def keep(self, history: History, node: Node | None = None) -> None:
        """Write the title, head, system prompt and role of a conversation, and a node."""
        with self._database.writing() as db:
            self._keep_conversation(db, history)
            if node is not None:
                self._keep_message(db, history.id, node)

    def keep_all(self, history: History) -> None:
        """Write a whole conversation."""
        with self._database.writing() as db:
            self._keep_conversation(db, history)
            for node in history.nodes():
                self._keep_message(db, history.id, node)

    def add_all(self, histories: Iterable[History]) -> list[History]:
        """Write imported conversations with their own times, all or none, and return those that are new.

        A conversation that the store has already, message for message, is not written again.
        """
        added = []
        with self._database.writing() as db:
            known = self._conversations_by_first_message(db)
            for history in histories:
                nodes = history.nodes()
                same = known.setdefault(first_message_key(nodes[0]), []) if nodes else []
                if any(compared_values(nodes) <= self._compared_values(db, id) for id in same):
                    continue
                same.append(history.id)
                times = [node.created for node in nodes] or [time.time()]
                self._keep_conversation(db, history, (min(times), max(times)))
                for node in nodes:
                    self._keep_message(db, history.id, node)
                added.append(history)
        return added

    def _conversations_by_first_message(self, db: sqlite3.Connection) -> dict[tuple[float, str], list[str]]:
        """Return the ids of conversations by their first message."""
        rows = db.execute(
            "SELECT created, content, conversation FROM messages WHERE rowid IN "
            "(SELECT min(rowid) FROM messages GROUP BY conversation)"
        )
        ids: dict[tuple[float, str], list[str]] = {}
        for created, content, conversation in rows:
            ids.setdefault((created, content), []).append(conversation)
        return ids

    def _compared_values(self, db: sqlite3.Connection, conversation: str) -> set[tuple[object, ...]]:
        return set(db.execute(SELECT_COMPARED, (conversation,)))

    def draft(self, message: str, position: int, content: str, reasoning: str) -> None:
        """Write the next piece of an unfinished answer."""
        with self._database.writing() as db:
            # The message is gone when another process deleted the conversation meanwhile.
            db.execute(
                "INSERT OR REPLACE INTO drafts SELECT ?, ?, ?, ? WHERE EXISTS "
                "(SELECT 1 FROM messages WHERE id = ?)",
                (message, position, content, reasoning, message),
            )

    def pin(self, conversation: str, pinned: bool) -> None:
        """Set whether a conversation is listed before others."""
        with self._database.writing() as db:
            db.execute("UPDATE conversations SET pinned = ? WHERE id = ?", (pinned, conversation))

    def delete(self, conversation: str) -> None:
        """Delete a conversation."""
        with self._database.writing() as db:
            db.execute(
                "DELETE FROM words WHERE rowid IN (SELECT rowid FROM messages WHERE conversation = ?)",
                (conversation,),
            )
            # The index keeps deleted words until its segments are merged.
            db.execute("INSERT INTO words (words) VALUES ('optimize')")
            db.execute("DELETE FROM conversations WHERE id = ?", (conversation,))

    def _keep_conversation(
        self, db: sqlite3.Connection, history: History, times: tuple[float, float] | None = None
    ) -> None:
        created, updated = times or (time.time(),) * 2
        system = history.system.id if history.system else None
        db.execute(
            INSERT_CONVERSATION,
            (history.id, history.title, created, updated, history.head, system, history.role),
        )

    def _keep_message(self, db: sqlite3.Connection, conversation: str, node: Node) -> None:
        db.execute(INSERT_MESSAGE, message_row(conversation, node))
        if node.answer is None or node.answer.finish_reason is not None:
            self._finish_message(db, node)

    def _finish_message(self, db: sqlite3.Connection, node: Node) -> None:
        db.execute("DELETE FROM drafts WHERE message = ?", (node.id,))
        if node.message.role != "system":
            db.execute(
                "INSERT OR REPLACE INTO words (rowid, content) SELECT rowid, ? FROM messages WHERE id = ?",
                (separate_cjk(full_text(node.message)), node.id),
            )

    # Reading

    def load(self, prefix: str) -> History:
        """Return the conversation whose id begins with `prefix`.

        Raises: UsageError when none does, or several do.
        """
        with self._database.reading() as db:
            id, title, head, system, role = self._find(db, prefix)
            try:
                return History.restore(id, title, self._nodes(db, id), head, system, role=role)
            except (TypeError, ValueError) as error:
                raise StoreError(f"conversation {id} in {self.path} is damaged: {error}") from None

    def summary(self, prefix: str) -> Summary:
        """Return the summary of the conversation whose id begins with `prefix`.

        Raises: UsageError when none does, or several do.
        """
        with self._database.reading() as db:
            id = self._find(db, prefix)[0]
            return summary_from_row(db.execute(f"{SELECT_SUMMARY} WHERE c.id = ?", (id,)).fetchone())

    def _find(self, db: sqlite3.Connection, prefix: str) -> tuple[Any, ...]:
        found: list[tuple[Any, ...]] = db.execute(
            "SELECT id, title, head, system, role FROM conversations WHERE substr(id, 1, ?) = ? LIMIT 2",
            (max(1, len(prefix)), prefix),
        ).fetchall()
        if len(found) != 1:
            fault = "several conversations begin" if found else "no conversation begins"
            raise UsageError(f"{fault} with {prefix!r}: give more of its id, or one that /resume lists")
        return found[0]

    def recent(self, limit: int = 20, *, pinned_first: bool = False) -> list[Summary]:
        """Return the latest conversations, newest first, or the pinned ones before the others."""
        order = "c.pinned DESC, " if pinned_first else ""
        with self._database.reading() as db:
            rows = db.execute(
                f"{SELECT_SUMMARY} ORDER BY {order}c.updated DESC, c.rowid DESC LIMIT ?", (limit,)
            )
            return [summary_from_row(row) for row in rows]

    def fingerprint(self) -> str:
        """Return a text that changes whenever a list of the conversations does."""
        with self._database.reading() as db:
            values = db.execute("SELECT count(*), max(updated), total(pinned) FROM conversations").fetchone()
            return ":".join(map(str, values))

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Return the messages that have all words of `text`, best first."""
        query = match_query(text)
        if not query:
            return []
        with self._database.reading() as db:
            rows = db.execute(
                SEARCH_MESSAGES,
                (*MARKS, _EXCERPT_WORDS, query, limit),
            )
            return [Hit(*(*fields, format_snippet(snippet))) for *fields, snippet in rows]

    def search_titles(self, text: str, limit: int = 20) -> list[Summary]:
        """Return the conversations whose title has all words of `text`, newest first."""
        words = [word.casefold() for word in text.split()]
        if not words:
            return []
        with self._database.reading() as db:
            titles = db.execute(
                "SELECT id, title FROM conversations ORDER BY updated DESC, rowid DESC"
            ).fetchall()
            found = [id for id, title in titles if all(word in title.casefold() for word in words)]
            return [
                summary_from_row(db.execute(f"{SELECT_SUMMARY} WHERE c.id = ?", (id,)).fetchone())
                for id in found[:limit]
            ]

    def _nodes(self, db: sqlite3.Connection, conversation: str) -> Iterator[Node]:
        drafts = self._drafts(db, conversation)
        rows = db.execute(SELECT_MESSAGES, (conversation,)).fetchall()
        return (node_from_row(row, drafts) for row in rows)

    def _drafts(self, db: sqlite3.Connection, conversation: str) -> dict[str, tuple[str, str]]:
        return join_drafts(db.execute(SELECT_DRAFTS, (conversation,)))
