"""Speed of decoding, by the engine's clock and by the clock of whoever watches the answer."""

from benchmarks import bare, ours
from benchmarks.measure import Result, apart, compared, in_turn
from benchmarks.peer import BareChat
from benchmarks.process import QUESTION
from benchmarks.watch import Watched

TOKENS = 256
LIMIT = 0.97


def measure() -> list[Result]:
    return apart(_measure)


def _measure() -> list[Result]:
    server = bare.open_server(str(ours.model_path()))
    with ours.opened_model() as model:

        def ask_ours() -> Watched:
            with ours.opened_session(model, TOKENS) as session:
                return ours.ask(session, QUESTION)

        def ask_bare() -> Watched:
            return BareChat(server, TOKENS).ask(QUESTION)

        ask_ours(), ask_bare()
        pairs = in_turn(ask_ours, ask_bare)
    assert all(a.tokens == b.tokens == TOKENS for a, b in pairs)
    engine = [(a.engine_speed, b.engine_speed) for a, b in pairs]
    watched = [(a.watched_speed, b.watched_speed) for a, b in pairs]
    return [
        compared("decoding, engine's clock", engine, LIMIT, "tokens/s", at_least=True),
        compared("decoding, watcher's clock", watched, LIMIT, "tokens/s", at_least=True),
    ]
