"""Measures the whole process of one question, from exec to exit."""

from benchmarks.measure import Result, compared, in_turn
from benchmarks.process import TOKENS, run_bare, run_ours


def measure() -> list[Result]:
    run_ours()  # creates the database, which must not count
    pairs = in_turn(run_ours, run_bare)
    same = sum(a.printed == b.printed for a, b in pairs)
    seconds = [(a.seconds, b.seconds) for a, b in pairs]
    remark = f", {TOKENS} tokens, same text {same}/{len(pairs)}"
    return [compared("one-shot process", seconds, 1.15, "s", remark=remark)]
