"""Probes: tests of a role, as messages to send and checks of the answer; this module asks no model."""

import re
from dataclasses import dataclass

from qwen_chat.errors import UsageError

RUNS_LIMIT = 100

_REGEX_SECONDS = 1.0
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_WORD = re.compile(r"[^\W\d_]+")
_LANGUAGES = {"en": "English", "zh": "Chinese"}


@dataclass(frozen=True, slots=True)
class Probe:
    """Messages to send to a role, and the checks of its last answer.

    Each of `must` and `must_not` is a text, or a regular expression between two slashes; case is ignored.
    """

    name: str
    say: tuple[str, ...]
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    language: str = ""
    longest: int = 0
    """The most characters of the answer; 0 for no limit."""
    runs: int = 1

    def find_faults(self, answer: str) -> list[str]:
        """Return the faults of an answer, none when it passes."""
        if not answer.strip():
            return ["says nothing"]
        faults = [f"lacks {wanted}" for wanted in self.must if not _matches(wanted, answer)]
        faults += [f"says {unwanted}" for unwanted in self.must_not if _matches(unwanted, answer)]
        if 0 < self.longest < len(answer):
            faults.append(f"has {len(answer):,} characters, more than {self.longest:,}")
        return faults + _language_faults(self.language, answer)


def chinese_share(text: str) -> float | None:
    """Return the share of CJK characters among them and the words of other scripts; None without either."""
    characters = len(_CJK.findall(text))
    words = len(_WORD.findall(_CJK.sub(" ", text)))
    return characters / (characters + words) if characters + words else None


def check_pattern(pattern: str) -> None:
    """Check an entry of `must` or `must_not`.

    Raises: UsageError for an invalid regular expression.
    """
    if (inside := _inner_regex(pattern)) is None:
        return
    import regex

    try:
        regex.compile(inside, regex.IGNORECASE)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise UsageError(
            f"{pattern} is not a regular expression ({error}): mend it, or leave out the slashes"
        ) from None


def _matches(pattern: str, answer: str) -> bool:
    if (inside := _inner_regex(pattern)) is None:
        return pattern.casefold() in answer.casefold()
    import regex

    try:
        return regex.search(inside, answer, regex.IGNORECASE, timeout=_REGEX_SECONDS) is not None
    except TimeoutError:
        raise UsageError(
            f"{pattern} takes too long to look for: write a simpler one, or a plain text"
        ) from None


def _inner_regex(pattern: str) -> str | None:
    return pattern[1:-1] if len(pattern) > 2 and pattern[0] == pattern[-1] == "/" else None


def _language_faults(language: str, answer: str) -> list[str]:
    share = chinese_share(answer)
    if not language or share is None or (share >= 0.5) == (language == "zh"):
        return []
    return [f"is not {_LANGUAGES[language]}: {share:.0%} Chinese"]
