"""The bare side of measurements with several turns."""

import time
from threading import Thread
from typing import Any

from benchmarks import bare, ours
from benchmarks.smol import checkpoint
from benchmarks.watch import Watched


class BareChat:
    """Sends the whole list of messages at every turn; the engine reuses its own prefix cache."""

    def __init__(self, max_tokens: int) -> None:
        self._server = bare.open_server(str(ours.model_path()))
        self._max_tokens = max_tokens
        self._messages = [bare.SYSTEM]

    def begin(self) -> None:
        """Start a new conversation."""
        self._messages = [bare.SYSTEM]

    def ask(self, question: str) -> Watched:
        """Ask, and read the answer."""
        pieces: list[tuple[float, str]] = []
        started = time.perf_counter()
        self._messages.append({"role": "user", "content": question})
        timings = bare.ask(
            self._server,
            self._messages,
            self._max_tokens,
            lambda text: pieces.append((time.perf_counter(), text)),
        )
        self._messages.append({"role": "assistant", "content": "".join(text for _, text in pieces)})
        return Watched(
            started,
            [moment for moment, _ in pieces],
            timings["predicted_n"],
            timings["predicted_ms"] / 1000,
            timings["cache_n"] + timings["prompt_n"],
            timings["cache_n"],
        )

    def close(self) -> None:
        """Do nothing: the engine ends with its process."""


class GenerateChat:
    """The loop of Qwen's own demos: model.generate reads the whole conversation at every turn."""

    def __init__(self, max_tokens: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = checkpoint()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, ours.TORCH_DTYPE)
        )
        self._max_tokens = max_tokens
        self._messages: list[dict[str, str]] = []

    def begin(self) -> None:
        """Start a new conversation."""
        self._messages = []

    def ask(self, question: str) -> Watched:
        """Ask, and read the answer from transformers' own streamer."""
        from transformers import TextIteratorStreamer

        started = time.perf_counter()
        self._messages.append({"role": "user", "content": question})
        inputs = self._tokenizer.apply_chat_template(
            self._messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        options = {"max_new_tokens": self._max_tokens, "do_sample": False, "streamer": streamer}
        made: list[int] = []
        thread = Thread(target=lambda: made.append(self._model.generate(**inputs, **options).shape[1]))
        thread.start()
        pieces = [(time.perf_counter(), text) for text in streamer if text]
        thread.join()
        ended, read = time.perf_counter(), int(inputs["input_ids"].shape[1])
        self._messages.append({"role": "assistant", "content": "".join(text for _, text in pieces)})
        moments = [moment for moment, _ in pieces]
        return Watched(started, moments, made[0] - read, ended - moments[0], read, 0)

    def close(self) -> None:
        """Do nothing: the model ends with its process."""
