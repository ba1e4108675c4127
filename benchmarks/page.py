"""Measures the page: the time until it is served, its idle load, eight users at once, and a long answer."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import mean
from threading import Thread
from typing import BinaryIO

import httpx
import psutil
import xllamacpp

from benchmarks import bare, ours
from benchmarks.long_answer import LONG, SHORT, long_answer
from benchmarks.measure import Result, apart, compared, in_turn
from benchmarks.quiet import quietly
from qwen_chat.model.catalog import embedded

PEOPLE, TOKENS = 8, 128
QUESTION = "Write a long story about number {}, with many chapters."
IDLE_SECONDS = 10.0
PAIRS = 5


@dataclass(frozen=True, slots=True)
class Eight:
    """Tokens per second of all eight together, and the slowest first token divided by the mean."""

    speed: float
    slowest_first: float = 0.0


def measure() -> list[Result]:
    served = in_turn(_served_seconds, _import_seconds, 5)
    together = in_turn(_eight_on_the_page, lambda: apart(eight_on_the_engine), PAIRS)
    speeds = [(page.speed, engine.speed) for page, engine in together]
    starved = [page.slowest_first for page, _ in together]
    whole, half = long_answer(LONG), long_answer(SHORT)
    return [
        compared("page, until it is served", served, 1.5, "s, against import gradio"),
        Result(
            "page, idle, share of a core", [quietly(_idle_share)], 0.01, f"one page open, {IDLE_SECONDS:g} s"
        ),
        compared("eight people, tokens/s", speeds, 0.9, "tokens/s, against the engine", at_least=True),
        Result("eight people, first tokens", starved, 3.0, "the slowest, against the mean"),
        Result(
            "a key while it writes, in ms", [whole.slowest_key], 100, f"{whole.keys} keys, {LONG:,} tokens"
        ),
        compared("bytes, 10,000 / 5,000 tokens", [(whole.kilobytes, half.kilobytes)], 2.3, "kB"),
    ]


def _import_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True)
    return time.perf_counter() - started


def _served_seconds() -> float:
    started = time.perf_counter()
    with _page():
        return time.perf_counter() - started


@contextmanager
def _page(*flags: str) -> Iterator[tuple[str, int]]:
    """Serve the page in a process of its own, and give its address and the process."""
    command = [*ours.PROGRAM, "web", "-c", embedded.SMALL.key, "--server-port", "0", "--no-history", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    httpx.get(url).raise_for_status()
    try:
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def _idle_share() -> float:
    with _page() as (url, pid), _someone(url) as someone:
        someone.ask("Say hello.", 0.0)
        time.sleep(2)
        server = psutil.Process(pid)
        before = sum(server.cpu_times()[:2])
        time.sleep(IDLE_SECONDS)
        return (sum(server.cpu_times()[:2]) - before) / IDLE_SECONDS


def _eight_on_the_page() -> Eight:
    flags = ("--concurrency", str(PEOPLE), "--max-new-tokens", str(TOKENS), "--seed", "7")
    with _page(*flags) as (url, _), ExitStack() as stack, ThreadPoolExecutor(PEOPLE) as pool:
        people = [stack.enter_context(_someone(url)) for _ in range(PEOPLE + 1)]
        people.pop().ask("Say hello.", 0.0)
        started = time.perf_counter()
        asked = [
            pool.submit(someone.ask, QUESTION.format(number), started)
            for number, someone in enumerate(people)
        ]
        answers = [each.result() for each in asked]
        seconds = time.perf_counter() - started
    firsts = [first for first, _ in answers]
    return Eight(sum(tokens for _, tokens in answers) / seconds, max(firsts) / mean(firsts))


@dataclass(frozen=True, slots=True)
class Someone:
    """A user with a new conversation, whose event stream is read."""

    http: httpx.Client
    chat: str
    events: BinaryIO

    def ask(self, question: str, started: float) -> tuple[float, int]:
        """Ask, and return the time of the answer's first token and the number of its tokens."""
        first = 0.0
        self.http.post(f"chat/{self.chat}/send", json={"text": question}).raise_for_status()
        for line in self.events:
            if not first and b'"answer":{' in line:
                first = time.perf_counter() - started
            if b'"writing":false' not in line:
                continue
            for message in json.loads(line.removeprefix(b"data: "))["messages"].values():
                if message["role"] == "assistant" and not message["writing"]:
                    return first, message["tokens"]
        raise RuntimeError("the page ended before the answer did")


@contextmanager
def _someone(url: str) -> Iterator[Someone]:
    """Open a conversation with as little work as possible, since this process shares the engine's cores."""
    with httpx.Client(base_url=url, timeout=300) as http:
        chat = http.post("chat/new", json={}).json()["chat"]
        host = http.base_url.netloc.decode()
        request = f"GET /chat/{chat}/events HTTP/1.0\r\nHost: {host}\r\n\r\n"
        with (
            socket.create_connection((http.base_url.host, http.base_url.port)) as connection,
            connection.makefile("rb") as events,
        ):
            connection.sendall(request.encode())
            yield Someone(http, chat, events)


def eight_on_the_engine() -> Eight:
    """Ask the bare engine the same questions, eight at once."""
    params = xllamacpp.CommonParams()
    params.model.path = str(ours.model_path())
    params.n_ctx, params.n_parallel, params.verbosity = 8192, PEOPLE, -1
    params.kv_unified = True  # each may have all of the context, as on the page
    server = xllamacpp.Server(params)
    bare.ask(server, _asked("Say hello."), 8, _unseen)
    made: list[int] = []

    def ask(number: int) -> None:
        timings = bare.ask(server, _asked(QUESTION.format(number)), TOKENS, _unseen)
        made.append(timings["predicted_n"])

    threads = [Thread(target=ask, args=(number,)) for number in range(PEOPLE)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Eight(sum(made) / (time.perf_counter() - started))


def _asked(question: str) -> list[dict[str, str]]:
    return [bare.SYSTEM, {"role": "user", "content": question}]


def _unseen(text: str) -> None:
    """Show nothing."""
