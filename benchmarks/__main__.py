"""`python -m benchmarks [NAME ...]` runs all or the named measurements, and prints one table."""

import os
import sys
from types import ModuleType

from benchmarks import (
    busy,
    decoding,
    first_token,
    journal,
    loading,
    memory,
    oneshot,
    page,
    prompt,
    questions,
    rendering,
    search,
    stopping,
    torch_batch,
    torch_decoding,
    torch_turns,
)
from benchmarks.measure import Result, empty_home

MEASURES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        oneshot,
        decoding,
        busy,
        first_token,
        prompt,
        questions,
        memory,
        journal,
        loading,
        rendering,
        search,
        stopping,
        page,
        torch_batch,
        torch_decoding,
        torch_turns,
    )
}
ROW = "{:<31} {:>7} {:>7}   {:<7} {:<5}  {}"


def main(names: list[str]) -> int:
    """Print the table; a missed limit is not an error, an unknown name is."""
    if unknown := set(names) - set(MEASURES):
        sys.stderr.write(f"no such measurement: {', '.join(unknown)}; there are: {', '.join(MEASURES)}\n")
        return 2
    print(f"ours / bare, in turn, on {os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}\n")
    print(ROW.format("", "median", "min", "limit", "holds", "ours / bare, medians"), flush=True)
    with empty_home():
        for name in names or MEASURES:
            for result in MEASURES[name].measure():
                print(_row(result), flush=True)
    return 0


def _row(result: Result) -> str:
    limit = f"{'>=' if result.at_least else '<='} {result.limit:g}"
    holds = "yes" if result.holds else "NO"
    numbers = (f"{result.median:.3f}", f"{min(result.ratios):.3f}")
    return ROW.format(result.name, *numbers, limit, holds, result.note)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
