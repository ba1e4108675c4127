"""Reads tiktoken's rank files, and derives the merges of byte-pair encoding from them."""

import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from qwen_chat.errors import ModelLoadError

_LINE = re.compile(rb"(\S+) (\d{1,9})")

_NO_RANK = 10**9
"""Larger than any rank in a file."""


def read_ranks(path: Path) -> dict[bytes, int]:
    """Return the ranks of all tokens of a vocabulary; ranks are token ids, in order.

    Raises: ModelLoadError that names the first damaged line.
    """
    ranks: dict[bytes, int] = {}
    for number, token, rank in _read_lines(path):
        if rank != len(ranks):
            raise _damaged(path, f"line {number} has rank {rank}, not {len(ranks)}")
        if ranks.setdefault(token, rank) != rank:
            raise _damaged(path, f"line {number} has the token of rank {ranks[token]} again")
    for byte in range(256):
        if bytes([byte]) not in ranks:
            raise _damaged(path, f"no line has the byte {byte:#04x}")
    return ranks


def add_ranks(ranks: Mapping[bytes, int], path: Path, taken: Collection[int]) -> dict[bytes, int]:
    """Return `ranks` with those of an extra file, in the format of Qwen's `add_merges.py`.

    As in the original, a token is skipped if it, or its id, is taken.
    Raises: ModelLoadError that names the first damaged line.
    """
    everything, taken = dict(ranks), {*taken, *ranks.values()}
    for _, token, rank in _read_lines(path):
        if token not in everything and rank not in taken:
            everything[token] = rank
            taken.add(rank)
    return everything


def derive_merges(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the two parts of each token that byte-pair encoding can build, lowest rank first.

    tiktoken merges any two neighbours whose joined bytes are a token, lowest rank first. Within the bytes of
    a token that it builds, it takes the same steps as on these bytes alone, so one pair per token is enough.
    """
    splits: dict[bytes, tuple[bytes, bytes]] = {}
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) > 1 and (pair := _find_split(token, ranks, splits) or _split_token(token, ranks)):
            yield pair


def _find_split(
    token: bytes, ranks: Mapping[bytes, int], splits: dict[bytes, tuple[bytes, bytes]]
) -> tuple[bytes, bytes] | None:
    """Return the last two parts of a token whose parts have lower ranks, and note them in `splits`.

    This takes half of the time of merging all its bytes.
    """
    rank = ranks[token]
    for at in range(len(token) - 1, 0, -1):
        left, right = token[:at], token[at:]
        if ranks.get(left, rank) >= rank or ranks.get(right, rank) >= rank:
            continue
        known = (at == 1 or left in splits) and (len(right) == 1 or right in splits)
        if known and _stay_apart(left, right, rank, ranks, splits):
            splits[token] = left, right
            return left, right
    return None


def _stay_apart(
    left: bytes,
    right: bytes,
    limit: int,
    ranks: Mapping[bytes, int],
    splits: Mapping[bytes, tuple[bytes, bytes]],
) -> bool:
    """Return whether both parts are built before a merge across their border, going back merge by merge."""
    while ranks.get(left + right, limit) >= limit:
        if len(left) > 1 and (len(right) == 1 or ranks[left] > ranks[right]):
            limit, left = ranks[left], splits[left][1]
        elif len(right) > 1:
            # Of two merges of one rank, the left one is first.
            limit, right = ranks[right] + 1, splits[right][0]
        else:
            return True
    return False


def _split_token(token: bytes, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes] | None:
    """Merge a token's bytes until two parts are left; return None if that is impossible."""
    parts = [token[i : i + 1] for i in range(len(token))]
    known = [ranks.get(left + right, _NO_RANK) for left, right in pairwise(parts)]
    while len(parts) > 2:
        if (lowest := min(known)) == _NO_RANK:
            return None
        at = known.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del known[at]
        for near in range(max(at - 1, 0), min(at + 1, len(known))):
            known[near] = ranks.get(parts[near] + parts[near + 1], _NO_RANK)
    return parts[0], parts[1]


def _read_lines(path: Path) -> Iterator[tuple[int, bytes, int]]:
    """Yield line number, token and rank."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ModelLoadError(
            f"cannot read {path}: {error.strerror}; fetch that file from the model's page"
        ) from None
    for number, line in enumerate(lines, start=1):
        if line:
            yield number, *_parse_line(path, number, line)


def _parse_line(path: Path, number: int, line: bytes) -> tuple[bytes, int]:
    if match := _LINE.fullmatch(line):
        try:
            return b64decode(match[1], validate=True), int(match[2])
        except ValueError:
            pass
    raise _damaged(path, f"line {number} is not a token in base64 and its rank")


def _damaged(path: Path, fault: str) -> ModelLoadError:
    return ModelLoadError(f"{path} is damaged: {fault}; fetch that file again from the model's page")
