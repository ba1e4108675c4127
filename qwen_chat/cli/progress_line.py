"""A line on stderr that counts finished steps, where stderr is a terminal."""

import sys


def print_progress(verb: str, done: int, total: int) -> None:
    """Print "VERB DONE of TOTAL" over the line before; after the last step, end the line."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{verb} {done} of {total}" + "\n" * (done == total))
        sys.stderr.flush()
