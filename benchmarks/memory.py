"""Measures the peak of resident memory, the engine's included: of a one-shot process, and of a chat."""

from benchmarks.measure import Result, compared, in_turn
from benchmarks.peak import peak
from benchmarks.process import QUESTION, TOKENS, run_bare, run_ours
from benchmarks.terminal import PROMPT, leave, talk

LIMIT = 1.15
PAIRS = 5


def measure() -> list[Result]:
    run_ours()
    oneshot = in_turn(lambda: run_ours().peak, lambda: run_bare().peak, PAIRS)
    chat = in_turn(_chat_peak, lambda: run_bare().peak, PAIRS)
    return [
        compared("memory, one-shot", oneshot, LIMIT, "MiB"),
        compared("memory, chat after one answer", chat, LIMIT, "MiB"),
    ]


def _chat_peak() -> float:
    chat = talk("--max-new-tokens", str(TOKENS))
    chat.send(f"{QUESTION}\r")
    chat.expect_exact("tok/s")
    chat.expect_exact(PROMPT)
    found = peak(chat.pid)
    leave(chat)
    return found
