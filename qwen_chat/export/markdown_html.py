"""Renders untrusted Markdown as HTML that runs and loads nothing.

HTML within Markdown stays text, pictures become links, and the result is sanitised once more.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.texmath import texmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from qwen_chat.export.mathml import to_mathml
from qwen_chat.export.text_rules import find_dollar_formula, keep_as_text

_MATH = {
    "math", "menclose", "mfenced", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded",
    "mphantom", "mprescripts", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup",
    "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none",
}  # fmt: skip
_TEXT = {
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"align"},
    "th": {"align"},
    "math": {"alttext", "display"},
    "menclose": {"notation"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mo": {"fence", "form", "maxsize", "minsize", "movablelimits", "stretchy"},
    "mover": {"accent"},
    "mpadded": {"depth", "height", "lspace", "voffset", "width"},
    "mspace": {"depth", "height", "width"},
    "mstyle": {"displaystyle", "mathsize", "scriptlevel"},
    "mtable": {"columnalign", "columnlines", "columnspacing", "displaystyle", "rowlines", "rowspacing"},
    "mtd": {"columnalign", "columnspan", "rowspan"},
    "munder": {"accentunder"},
}
_DOUBLE_DOLLARS = re.compile(r"\$\$(?=\s*[^\s$])(?P<formula>[^$]+)\$\$")
_LONGEST_CODE = 100_000
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


def to_body(markdown: str) -> str:
    """Return Markdown as HTML that has only text, code, tables, formulae and links."""
    return _cleaner().clean(_markdown_parser().render(markdown))


@dataclass(frozen=True, slots=True)
class SplitHtml:
    """The HTML of unfinished Markdown: `closed` blocks are final, the `open` block at the end may change.

    The open block starts at character `start` of the Markdown.
    """

    closed: str
    open: str
    start: int


def to_split_body(markdown: str) -> SplitHtml:
    """Return unfinished Markdown as HTML, with its last block apart."""
    reader = _markdown_parser()
    env: dict[str, Any] = {}
    tokens = reader.parse(markdown, env)
    at = _last_block_index(tokens)
    place = tokens[at].map if at else None
    start = _line_offset(markdown, place[0]) if place else 0
    if not start or _has_open_formula(markdown[:start]):
        at = start = 0
    closed, open_block = (
        _cleaner().clean(reader.renderer.render(part, reader.options, env)) if part else ""
        for part in (tokens[:at], tokens[at:])
    )
    return SplitHtml(closed, open_block, start)


def _last_block_index(tokens: Sequence[Token]) -> int:
    """Return the index of the first token of the last top-level block."""
    return max((at for at, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0), default=0)


def _line_offset(text: str, line: int) -> int:
    """Return the position of the first character of a line; lines count from 0."""
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1
    return at


def _has_open_formula(text: str) -> bool:
    """Return whether a formula starts and does not end: later text may end it."""
    return text.count("$$") % 2 == 1 or text.count(r"\[") > text.count(r"\]")


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TEXT | _MATH,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        clean_content_tags={"script", "style"},
    )


@cache
def _markdown_parser() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Renderer)
    reader.enable(["table", "strikethrough"])
    reader.use(dollarmath_plugin, double_inline=True).inline.ruler.at("math_inline", _parse_dollar_math)
    reader.use(texmath_plugin, delimiters="brackets").use(amsmath_plugin)
    reader.inline.ruler.before("escape", "math_brackets", _parse_bracket_math)
    keep_as_text(reader)
    # The rules of the extensions would take precedence over the methods of the renderer.
    for name in ("math_inline", "math_inline_double", "math_block", "math_block_label", "amsmath"):
        reader.add_render_rule(name, getattr(_Renderer, name))
    return reader


class _Renderer(RendererHTML):
    """Renders what markdown-it's own renderer would render with styles or pictures, or not at all."""

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ANN401, ARG002
        """Render a fenced code block with classes for its colours."""
        language = tokens[at].info.strip().split(maxsplit=1)[0] if tokens[at].info.strip() else ""
        label = f'<div class="language">{escape(language)}</div>' if language else ""
        code = _highlight(tokens[at].content, language)
        return f'<div class="code">{label}<pre><code>{code}</code></pre></div>\n'

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ANN401, ARG002
        """Render an indented code block."""
        return f'<div class="code"><pre><code>{escape(tokens[at].content)}</code></pre></div>\n'

    def table_open(self, *given: Any) -> str:  # noqa: ANN401, ARG002
        """Open a table that scrolls when it is wider than the page."""
        return '<div class="table"><table>\n'

    def table_close(self, *given: Any) -> str:  # noqa: ANN401, ARG002
        """Close a table."""
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ANN401
        """Open a cell; its alignment is an attribute, as styles are forbidden."""
        aligned = str(tokens[at].attrs.pop("style", "")).removeprefix("text-align:")
        if aligned:
            tokens[at].attrSet("align", aligned)
        return self.renderToken(tokens, at, options, env)

    td_open = th_open

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ANN401
        """Render a link instead of a picture, which a browser would fetch when it opens the page."""
        token = tokens[at]
        name = escape(self.renderInlineAsText(token.children or [], options, env) or "image")
        return f'<a href="{escape(str(token.attrs.get("src", "")))}">[image: {name}]</a>'

    def text(self, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]) -> str:  # noqa: ANN401, ARG002
        """Render text, with a sign for the checkbox of a task."""
        text = tokens[at].content
        mark = next((mark for mark in _TASKS if at == 0 and text.startswith(mark)), "")
        return escape(_TASKS.get(mark, "") + text[len(mark) :])

    def math_inline(self, tokens: Sequence[Token], at: int, *given: Any) -> str:  # noqa: ANN401, ARG002
        """Render a formula within a line."""
        return to_mathml(tokens[at].content, display=False)

    def math_block(self, tokens: Sequence[Token], at: int, *given: Any) -> str:  # noqa: ANN401, ARG002
        """Render a formula on lines of its own."""
        return f'<div class="formula">{to_mathml(tokens[at].content, display=True)}</div>\n'

    def math_inline_double(self, tokens: Sequence[Token], at: int, *given: Any) -> str:  # noqa: ANN401, ARG002
        """Render a display formula within a paragraph."""
        return f'<span class="formula">{to_mathml(tokens[at].content, display=True)}</span>'

    math_block_label = amsmath = math_block


def _parse_dollar_math(state: StateInline, silent: bool) -> bool:
    """Parse formulae between dollars by the rules of pandoc, so that prices stay text."""
    double = _DOUBLE_DOLLARS.match(state.src, state.pos, state.posMax)
    found = double or find_dollar_formula(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("math_inline_double" if double else "math_inline", "math", 0).content = found["formula"]
    state.pos = found.end()
    return True


def _parse_bracket_math(state: StateInline, silent: bool) -> bool:
    r"""Parse \[ ... \] within a paragraph; the extensions know it only as a block."""
    if not state.src.startswith(r"\[", state.pos):
        return False
    end = state.src.find(r"\]", state.pos + 2, state.posMax)
    source = state.src[state.pos + 2 : end] if end > 0 else ""
    if not source.strip():
        return False
    if not silent:
        state.push("math_inline_double", "math", 0).content = source
    state.pos = end + 2
    return True


def _highlight(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(language, stripnl=False) if len(code) <= _LONGEST_CODE else None
    except ClassNotFound:
        lexer = None
    return highlight(code, lexer, _formatter()) if lexer is not None else escape(code)


@cache
def _formatter() -> "HtmlFormatter[str]":
    return HtmlFormatter(nowrap=True)


def code_styles(themes: Mapping[str, str]) -> str:
    """Return the CSS of highlighted code: `themes` maps CSS rules, or "", to Pygments styles."""
    return "\n".join(
        f"{rule} {{\n{_theme_css(style)}\n}}" if rule else _theme_css(style) for rule, style in themes.items()
    )


def _theme_css(style: str) -> str:
    rules: str = HtmlFormatter(style=style).get_style_defs(".code")
    # Only the colours of tokens: the page has its own background.
    return "\n".join(line for line in rules.splitlines() if line.startswith(".code .") and "{" in line)
