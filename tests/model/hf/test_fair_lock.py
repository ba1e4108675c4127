"""The lock goes round in the order in which it was asked for."""

import time
from threading import Thread

from qwen_chat.model.hf.fair_lock import FairLock


def test_everyone_has_a_turn_before_anyone_has_two() -> None:
    lock, order = FairLock(), []

    def work(name: str) -> None:
        with lock:
            for _ in range(20):
                order.append(name)
                with lock.released():
                    pass

    lock.acquire()
    threads = []
    for name in "abc":
        threads.append(Thread(target=work, args=(name,)))
        threads[-1].start()
        time.sleep(0.05)  # they ask in this order
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list("abc") * 20


def test_it_is_free_again_after_a_fault() -> None:
    lock = FairLock()
    try:
        with lock:
            raise ValueError
    except ValueError:
        pass
    with lock:
        assert True
