"""The SQLite database under the store: its connection, migrations, transactions and errors."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from threading import RLock

from qwen_chat import i18n
from qwen_chat.errors import StoreError, UsageError
from qwen_chat.files.paths import private_file
from qwen_chat.storage.schema import MIGRATIONS, add_functions

BUSY_SECONDS = 5.0
"""How long to wait for another process that is writing."""


class Database:
    """A database of the newest schema in WAL mode; threads take turns, processes wait for each other.

    Raises: StoreError from every method when the database cannot be read or written; UsageError for text
    that is not Unicode.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = RLock()
        private_file(path)
        with self._faults():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def _open(self) -> None:
        if self._version() > len(MIGRATIONS):
            raise StoreError(
                f"{self.path} was written by a newer qwen-chat (schema {self._version()}, this one knows "
                f"{len(MIGRATIONS)}): upgrade qwen-chat, or start with --no-history"
            )
        add_functions(self._connection)
        self._enable_wal()
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA secure_delete = ON")
        if self._version() < len(MIGRATIONS):
            self._migrate()

    def _enable_wal(self) -> None:
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                # SQLite does not wait here: of two processes that open a new database it would refuse both.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        with self.writing() as connection:
            for number in range(self._version(), len(MIGRATIONS)):
                for statement in MIGRATIONS[number].split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number + 1}")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction: it is committed at the end, or undone by an exception."""
        with self._lock, self._faults():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading."""
        with self._lock, self._faults():
            yield self._connection

    @contextlib.contextmanager
    def waiting(self, seconds: float) -> Iterator[None]:
        """Wait at most `seconds` for another process that is writing, within the block."""
        with self._lock, self._faults():
            self._connection.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
            try:
                yield
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreError(_fault(self.path, error)) from None
        except UnicodeEncodeError:
            raise UsageError("the text is not valid Unicode") from None


def _fault(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> i18n.Text:
    # SQLite quotes a damaged schema, which may be any bytes.
    reason = "malformed" if isinstance(error, UnicodeDecodeError) else " ".join(str(error).split())
    return i18n.Text("store.unusable", path=str(path), reason=reason, mend=_mend(reason))


def _mend(reason: str) -> i18n.Text:
    mends = {
        "locked": i18n.Text("store.mend_locked"),
        "full": i18n.Text("store.mend_full"),
        "not a database": i18n.Text("store.mend_damaged"),
        "malformed": i18n.Text("store.mend_damaged"),
        "readonly": i18n.Text("store.mend_read_only"),
        "unable to open": i18n.Text("store.mend_cannot_open"),
    }
    return next((mend for sign, mend in mends.items() if sign in reason), i18n.Text("store.mend_other"))
