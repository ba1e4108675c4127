"""Measures how long it takes to resume a long chat and to search many messages."""

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median

from benchmarks.measure import Result, compared, in_turn
from benchmarks.terminal import leave, talk
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message
from qwen_chat.storage.search import search
from qwen_chat.storage.store import Store, default_path

CHATS, MESSAGES_EACH, RESUMED = 180, 50, 1_000
MESSAGES = CHATS * MESSAGES_EACH + RESUMED
VOCABULARY, WORDS_EACH = 20_000, 80
SEARCHES = {"a rare word": "w15000", "a common word": "w1", "three words": "w2 w30 w400", "none": "nowhere"}
PAIRS = 5
_LIMITS = {"a rare word": 0.5, "a common word": 1.5, "three words": 0.5, "none": 0.5}
"""An index helps little with a word that nearly all messages have, since all of them must be ranked."""


def measure() -> list[Result]:
    with closing(Store(default_path())) as store:
        store.add_all([_chat(number, MESSAGES_EACH) for number in range(CHATS)])
        long = _chat(CHATS, RESUMED)
        store.keep_all(long)
        searched = {what: _searched(store, words) for what, words in SEARCHES.items()}
    talked = in_turn(lambda: _prompt_seconds("--resume", long.id), _prompt_seconds, PAIRS)
    resumed = [seconds for seconds, _ in talked]
    slowest = max(searched, key=lambda what: median(ours for ours, _ in searched[what]))
    slow = [milliseconds for milliseconds, _ in searched[slowest]]
    return [
        Result("resuming, in seconds", resumed, 0.5, f"exec to prompt, {RESUMED:,} messages"),
        compared("resuming, against a new chat", talked, 2.0, "s", remark=f", {RESUMED:,} messages"),
        Result("the slowest search, in ms", slow, 50, f"{slowest}, {MESSAGES:,} messages"),
        *(compared(f"search, {what}", pairs, _LIMITS[what], "ms") for what, pairs in searched.items()),
    ]


def _searched(store: Store, words: str) -> list[tuple[float, float]]:
    def ours() -> float:
        return _seconds(lambda: search(store, words))

    def scan() -> float:
        return _seconds(lambda: _scan(words))

    ours(), scan()
    return in_turn(ours, scan, PAIRS)


def _scan(words: str) -> list[str]:
    """Return the messages that contain all words, found without an index."""
    wanted = words.casefold().split()
    with closing(sqlite3.connect(default_path())) as database:
        rows = database.execute("SELECT content FROM messages").fetchall()
    return [text for (text,) in rows if all(word in text.casefold() for word in wanted)]


def _chat(seed: int, messages: int) -> History:
    """Return a chat with words as frequent as in a language: the n-th word 1/n as often as the first."""
    dice = random.Random(seed)
    history = History(title=f"chat {seed}")
    weights = [1 / rank for rank in range(1, VOCABULARY + 1)]
    words = dice.choices(range(VOCABULARY), weights, k=messages * WORDS_EACH)
    for number in range(messages):
        said = " ".join(f"w{word}" for word in words[number * WORDS_EACH : (number + 1) * WORDS_EACH])
        if number % 2:
            history.add(Message("assistant", said), AnswerDetails("demo", finish_reason="stop"))
        else:
            history.add(Message("user", said))
    return history


def _prompt_seconds(*arguments: str) -> float:
    started = time.perf_counter()
    chat = talk(*arguments)
    seconds = time.perf_counter() - started
    leave(chat)
    return seconds


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000
