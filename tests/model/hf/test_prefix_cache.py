"""What is known of a prompt is found again, shared and forgotten."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers.cache_utils import Cache, DynamicCache

    from qwen_chat.model.hf.prefix_cache import PrefixCache


LAYERS, HEADS, WIDTH = 2, 1, 4
TOKEN_BYTES = 2 * LAYERS * HEADS * WIDTH * 4


def states(ids: list[int]) -> "torch.Tensor":
    import torch

    return torch.tensor(ids, dtype=torch.float32).reshape(1, HEADS, -1, 1).expand(1, HEADS, -1, WIDTH)


def read(cache: "Cache", ids: list[int]) -> "Cache":
    """Fill a cache as a model would whose states are its tokens."""
    for layer in range(LAYERS):
        cache.update(states(ids), -states(ids), layer)
    return cache


def known(cache: "Cache") -> list[int]:
    import torch

    if not cache.get_seq_length():
        return []
    keys, values = (vars(cache.layers[-1])[name] for name in ("keys", "values"))
    assert torch.equal(keys, -values)
    return [int(number) for number in keys[0, 0, :, 0]]


def prefixes(budget: int = 10**6) -> "PrefixCache":
    from transformers.cache_utils import DynamicCache

    from qwen_chat.model.hf.prefix_cache import PrefixCache

    return PrefixCache(DynamicCache, budget)


def test_nothing_is_known_at_first() -> None:
    cache, length = prefixes().take([1, 2, 3])
    assert (known(cache), length) == ([], 0)


def test_the_longest_prefix_is_found_and_can_go_on() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3, 4], read(DynamicCache(), [1, 2, 3, 4]))
    found.store([1, 2, 9], read(DynamicCache(), [1, 2, 9]))
    cache, length = found.take([1, 2, 3, 7, 8])
    assert (known(cache), length) == ([1, 2, 3], 3)
    assert known(read(cache, [7, 8])) == [1, 2, 3, 7, 8]


def test_the_last_token_of_a_prompt_is_always_read() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    assert found.take([1, 2, 3])[1] == 2
    assert found.take([1])[1] == 0


def test_conversations_that_share_a_prefix_do_not_disturb_each_other() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    first, second = found.take([1, 2, 5])[0], found.take([1, 2, 6])[0]
    read(first, [5])
    read(second, [6])
    assert (known(first), known(second)) == ([1, 2, 5], [1, 2, 6])
    assert known(found.take([1, 2, 3, 4])[0]) == [1, 2, 3]


def test_tokens_that_were_not_read_are_not_known() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3], read(DynamicCache(), [1, 2]))  # the newest token waits for the next step
    assert found.take([1, 2, 3, 4])[1] == 2


def test_another_scale_of_positions_makes_it_useless() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]), alpha=1.0)
    assert found.take([1, 2, 3, 4], alpha=3.0)[1] == 0
    assert found.take([1, 2, 3, 4], alpha=1.0)[1] == 3


def test_the_oldest_are_forgotten_beyond_the_budget() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes(budget=7 * TOKEN_BYTES)
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    found.store([4, 5, 6], read(DynamicCache(), [4, 5, 6]))
    assert found.take([1, 2, 3, 0])[1] == 3  # used again: now the other one is the oldest
    found.store([7, 8, 9], read(DynamicCache(), [7, 8, 9]))
    assert [found.take([n, n + 1, n + 2, 0])[1] for n in (1, 4, 7)] == [3, 0, 3]


def test_the_newest_is_kept_even_beyond_the_budget() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes(budget=0)
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    assert found.take([1, 2, 3, 4])[1] == 3


def test_what_a_longer_one_holds_is_kept_once() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes(budget=5 * TOKEN_BYTES)
    found.store([8, 9], read(DynamicCache(), [8, 9]))
    found.store([1, 2], read(DynamicCache(), [1, 2]))
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    assert found.take([8, 9, 0])[1] == 2


def test_a_cache_that_cannot_be_cut_goes_on_only_where_it_ends() -> None:
    from transformers.cache_utils import DynamicCache, DynamicSlidingWindowLayer

    from qwen_chat.model.hf.prefix_cache import PrefixCache

    def sliding() -> "DynamicCache":
        cache = DynamicCache()
        cache.layers = [DynamicSlidingWindowLayer(sliding_window=4) for _ in range(LAYERS)]
        return cache

    found = PrefixCache(sliding, 10**6)
    given = read(sliding(), [1, 2, 3, 4, 5, 6])
    found.store([1, 2, 3, 4, 5, 6], given)
    assert found.take([1, 2, 3, 9])[1] == 0
    cache, length = found.take([1, 2, 3, 4, 5, 6, 7])
    assert (cache is given, length) == (True, 6)
    assert found.take([1, 2, 3, 4, 5, 6, 7])[1] == 0  # it is in use


def test_all_can_be_forgotten() -> None:
    from transformers.cache_utils import DynamicCache

    found = prefixes()
    found.store([1, 2, 3], read(DynamicCache(), [1, 2, 3]))
    found.clear()
    assert found.take([1, 2, 3])[1] == 0
