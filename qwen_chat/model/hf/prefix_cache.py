"""Reuses the key/value cache between turns: the longest known prefix of a prompt is not read again.

Plain caches grow by making new tensors, so many conversations can share the tensors of a common prefix.
Other kinds (quantized, sliding windows) are reused only whole, by a prompt that continues where they end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from transformers.cache_utils import Cache, DynamicLayer


@dataclass(slots=True)
class _CachedPrefix:
    ids: tuple[int, ...]
    cache: Cache
    alpha: float
    bytes: int

    def serves(self, tokens: int) -> bool:
        """Return whether the cache can be used for a prompt that shares so many first tokens."""
        return tokens == len(self.ids) or _is_plain(self.cache)


class PrefixCache:
    """Keeps the caches of finished answers, the newest last, within a memory budget."""

    def __init__(self, new_cache: Callable[[], Cache], budget_bytes: int) -> None:
        self._new_cache = new_cache
        self._budget = budget_bytes
        self._entries: list[_CachedPrefix] = []
        self._lock = Lock()

    def take(self, prompt: Sequence[int], alpha: float = 1.0) -> tuple[Cache, int]:
        """Return a cache with the longest known prefix of a prompt, and the prefix's length in tokens.

        The prompt's last token is never in it, since reading it gives the first scores. A cache computed
        with another `alpha`, the scale of rotary positions, is not used.
        """
        with self._lock:
            best, length = None, 0
            for entry in self._entries:
                known = min(_common_length(entry.ids, prompt), len(prompt) - 1)
                if (
                    known > length
                    and entry.alpha == alpha
                    and (_is_plain(entry.cache) or known == len(entry.ids))
                ):
                    best, length = entry, known
            if best is None:
                return self._new_cache(), 0
            self._entries.remove(best)
            if not _is_plain(best.cache):
                return best.cache, length
            self._entries.append(best)
            return _copy_prefix(best.cache, self._new_cache(), length), length

    def store(self, ids: Sequence[int], cache: Cache, alpha: float = 1.0) -> None:
        """Keep the cache of an answer; `ids` are prompt and answer, of which it may lack the newest."""
        known = tuple(ids[: cache.get_seq_length()])
        with self._lock:
            self._entries = [entry for entry in self._entries if known[: len(entry.ids)] != entry.ids]
            self._entries.append(_CachedPrefix(known, cache, alpha, _tensor_bytes(cache)))
            while len(self._entries) > 1 and sum(entry.bytes for entry in self._entries) > self._budget:
                del self._entries[0]

    def clear(self) -> None:
        """Remove all caches."""
        with self._lock:
            self._entries.clear()


def _common_length(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _is_plain(cache: Cache) -> bool:
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def _copy_prefix(cache: Cache, fresh: Cache, length: int) -> Cache:
    """Fill a new cache with the first tokens of another one; their tensors are shared, not copied."""
    for number, layer in enumerate(cache.layers):
        keys, values = (vars(layer)[name][..., :length, :] for name in ("keys", "values"))
        fresh.update(keys[..., :0, :], values[..., :0, :], number)
        fresh.layers[number].__dict__.update(keys=keys, values=values)
    return fresh


def _tensor_bytes(cache: Cache) -> int:
    parts = [part for layer in cache.layers for part in vars(layer).values()]
    tensors = [tensor for part in parts for tensor in (part if isinstance(part, tuple) else (part,))]
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, torch.Tensor))
