"""Reasoning between the marks of every family, by template and by vocabulary, in both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tiny_hf
from babbler import TEMPLATE, write_babbler

from qwen_chat.message import Message
from qwen_chat.model.base import OutputOptions, PromptOptions
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.reasoning import ReasoningSplitter
from qwen_chat.model.reasoning_marks import ReasoningMarks, marks_of_template, marks_of_vocabulary
from qwen_chat.sampling import SamplingParams

FAMILIES = {
    "think": ("{{ '<think>' }}", "<think>\nhm\n</think>\n\nYes."),
    "a template that only closes": ("{{ content.split('</think>')[-1] }}", "<think>\nhm\n</think>\n\nYes."),
    "Magistral": ("[THINK]x[/THINK]", "[THINK]hm[/THINK]Yes."),
    "Cohere": ("<|START_THINKING|><|END_THINKING|>", "<|START_THINKING|>hm<|END_THINKING|>Yes."),
    "Seed": ("<seed:think>{{ x }}</seed:think>", "<seed:think>hm</seed:think>Yes."),
    "Kimi": ("{{ '◁think▷' }}{{ '◁/think▷' }}", "◁think▷hm◁/think▷Yes."),
    "gpt-oss": (
        "{{ '<|channel|>analysis<|message|>' + x }}",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes.",
    ),
    "thinking": ("<thinking>{{ x }}</thinking>", "<thinking>\nhm\n</thinking>\n\nYes."),
    "reasoning": ("<reasoning>{{ x }}</reasoning>", "<reasoning>\nhm\n</reasoning>\n\nYes."),
}


def marks(name: str) -> ReasoningMarks:
    found = marks_of_template(FAMILIES[name][0])
    assert found is not None
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_an_answer_is_split(name: str) -> None:
    text = FAMILIES[name][1]
    assert ReasoningSplitter("start", marks(name)).split(text) == ("Yes.", "hm")
    splitter = ReasoningSplitter("start", marks(name))
    pieces = [piece for letter in text for piece in splitter.feed(letter)] + [*splitter.flush()]
    assert ("".join(each for each, _ in pieces), "".join(each for _, each in pieces)) == ("Yes.", "hm")


@pytest.mark.parametrize("name", FAMILIES)
def test_reasoning_that_the_prompt_opens(name: str) -> None:
    opening = marks(name).opening
    rest = FAMILIES[name][1].removeprefix(opening)
    assert ReasoningSplitter("reasoning", marks(name)).split(rest) == ("Yes.", "hm")


@pytest.mark.parametrize("name", FAMILIES)
def test_marks_later_in_an_answer_are_text(name: str) -> None:
    text = f"So: {FAMILIES[name][1]}"
    assert ReasoningSplitter("start", marks(name)).split(text) == (text, "")


def test_gpt_oss_without_reasoning() -> None:
    splitter = ReasoningSplitter("start", marks("gpt-oss"))
    assert splitter.split("<|channel|>final<|message|>Yes.") == ("Yes.", "")


@pytest.mark.parametrize("template", ["", TEMPLATE, "{{ message.content }}", "<tool_call>"])
def test_a_template_without_reasoning(template: str) -> None:
    assert marks_of_template(template) is None


def test_a_vocabulary_that_knows_both_marks() -> None:
    assert marks_of_vocabulary({"[THINK]", "[/THINK]"}.__contains__) == marks("Magistral")
    assert marks_of_vocabulary({"[THINK]"}.__contains__) is None
    assert marks_of_vocabulary(lambda _: False) is None


ASKED = [Message("user", "Hi")]


@contextmanager
def opened(path: Path, *, template: str = TEMPLATE, names: tuple[str, str]) -> Iterator[LlamaCppModel]:
    control = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *names)
    model = LlamaCppModel(
        write_babbler(path, template=template, control=control), "m", LlamaCppOptions(threads=1, parallel=1)
    )
    try:
        yield model
    finally:
        model.close()


@pytest.mark.parametrize("names", [("[THINK]", "[/THINK]"), ("<think>", "</think>")])
def test_marks_that_are_control_tokens_of_a_gguf(tmp_path: Path, names: tuple[str, str]) -> None:
    with opened(tmp_path / "a.gguf", names=names) as model:
        text, reasoning = written(model, 3)
        assert (text, reasoning) == ("", names[0])  # the first opens, the second is a thought
        assert written(model, 4) == (names[1] * 2, "")


def written(model: LlamaCppModel, id: int) -> tuple[str, str]:
    """Return what a model writes that can only write one token."""
    options = PromptOptions(output=OutputOptions(logit_bias={id: 100}))
    deltas = [*model.stream(ASKED, SamplingParams(temperature=0, max_new_tokens=2), options)]
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas)


def test_marks_that_are_control_tokens_of_a_checkpoint(tmp_path: Path) -> None:
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    from qwen_chat.model.hf.detokenizer import Detokenizer
    from qwen_chat.model.hf.engine import TransformersModel

    folder = tiny_hf.write_checkpoint(tmp_path / "a", extra=("[THINK]", "[/THINK]"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(
        [AddedToken(name, special=True, normalized=False) for name in ("[THINK]", "[/THINK]")],
        special_tokens=True,
    )
    tokenizer.save_pretrained(folder)
    options = TransformersOptions(dtype="float32", threads=1, cpu_only=True)
    model = TransformersModel(read_checkpoint(folder), "a", options)
    try:
        state = model._open_engine()
        assert sorted(state.marks.values()) == ["[/THINK]", "[THINK]"]
        ids = tokenizer("[THINK]hm[/THINK]Yes.<|im_end|>", add_special_tokens=False).input_ids
        decoder = Detokenizer(state.tokenizer, (), (), state.marks)
        assert decoder.feed(ids) + decoder.flush() == "[THINK]hm[/THINK]Yes."
    finally:
        model.close()


def test_later_prompts_write_the_marks_of_the_family(tmp_path: Path) -> None:
    template = TEMPLATE + "{# [THINK] [/THINK] #}"
    with opened(tmp_path / "a.gguf", template=template, names=("[THINK]", "[/THINK]")) as model:
        partial = Message("assistant", "Ye", reasoning="hm")
        tokens = model.encode([*ASKED, partial])
    text = b"".join(token.bytes for token in tokens).decode()
    assert text.endswith("<|im_start|>assistant\n[THINK]hm[/THINK]Ye")
