"""How often passwords may be guessed."""

from clock import Clock

from qwen_chat.http.throttle import Throttle


def test_the_wait_doubles_and_ends() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    waits = []
    for _ in range(20):
        if (wait := throttle.begin("1.2.3.4", "ann")) > 0:
            waits.append(wait)
            clock.now += wait
            assert throttle.begin("1.2.3.4", "ann") == 0
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert max(waits) <= 900
    assert throttle.begin("1.2.3.4", "ann") > 0
    assert throttle.begin("1.2.3.4", "bob") == 0
    assert throttle.begin("1.2.3.5", "ann") == 0
    clock.now += 3601
    assert [throttle.begin("1.2.3.4", "ann") for _ in range(5)] == [0] * 5


def test_a_right_password_ends_the_wait() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    for _ in range(50):
        clock.now += 30
        assert [throttle.begin("1.2.3.4", "ann") for _ in range(5)] == [0] * 5
        throttle.passed("1.2.3.4", "ann")


def test_one_who_has_a_network_has_one_address() -> None:
    throttle = Throttle(Clock())
    waits = [throttle.begin(f"2001:db8::{number:x}", "ann") for number in range(1, 9)]
    assert waits[:5] == [0] * 5
    assert min(waits[5:]) > 0
    waits = [throttle.begin(f"::ffff:10.0.0.{number}", "bob") for number in range(1, 9)]
    assert waits == [0] * 8


def test_many_addresses_together_are_slowed_and_take_no_memory() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    let_in = 0
    for number in range(30_000):
        clock.now += 0.1
        let_in += throttle.begin(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "ann") == 0
    assert let_in <= 100 * (30_000 * 0.1 / 60 + 1)
    assert len(throttle._attempts) <= 10_000
