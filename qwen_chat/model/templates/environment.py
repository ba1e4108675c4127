"""Jinja in its sandbox as transformers sets it up, for marked text.

Source: `_compile_jinja_template` in transformers' `utils/chat_template_utils.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, TemplateRuntimeError, nodes
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from qwen_chat.model.templates.compiler import GenerationTag, MarkingCodeGenerator, end_loops_in_time
from qwen_chat.model.templates.filters import marked_filters, written
from qwen_chat.model.templates.formatting import format_pieces
from qwen_chat.model.templates.limits import Deadline, check_length
from qwen_chat.model.templates.marked import MarkedText, join_if_equal, join_texts, own

_MAX_EXPONENT = 64


class MarkingEnvironment(ImmutableSandboxedEnvironment):
    """An environment whose templates write marked text."""

    code_generator_class = MarkingCodeGenerator
    intercepted_binops = frozenset({"*", "**"})
    concat = staticmethod(join_texts)
    own = staticmethod(lru_cache(4096)(own))
    written = staticmethod(written)

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, extensions=[GenerationTag, loopcontrols]
        )
        self.filters = marked_filters(self.filters)
        self.globals |= {
            "raise_exception": _raise_exception,
            "strftime_now": lambda form: own(datetime.now().strftime(form)),
            "dict": _Dict(),
            "namespace": _Namespace,
        }
        self._deadline = Deadline()

    def render(self, source: "CompiledTemplate", values: Mapping[str, Any]) -> MarkedText:
        """Return what a template writes; it has some seconds for it."""
        self._deadline.start()
        context = source.template.new_context(dict(values))
        return join_texts(source.template.root_render_func(context))

    def concat_values(self, values: Iterable[object]) -> MarkedText:
        """Join values as `~` does."""
        return join_texts(map(written, values))

    def steps(self, values: Iterable[Any]) -> Iterator[Any]:
        """Yield what a loop goes through."""
        for value in values:
            self._deadline.check()
            yield value

    def call(self, context: Context, obj: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """Call what a template calls."""
        self._deadline.check()
        return super().call(context, obj, *args, **options)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Compute a product or a power that is not too large."""
        for one, other in ((left, right), (right, left)):
            if operator == "*" and isinstance(one, int) and hasattr(other, "__len__"):
                check_length(one * len(other))
        if operator == "**" and not abs(right) <= _MAX_EXPONENT:
            raise OverflowError("it computes a power that is too large")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ANN401
        """Return the method `format` of a string as the sandbox allows it."""
        allowed = super().wrap_str_format(value)
        text = getattr(value, "__self__", None)
        if allowed is None or not isinstance(text, MarkedText) or value.__name__ != "format":
            return allowed
        return lambda *args, **options: join_if_equal(
            format_pieces(self, text, args, options), allowed(*args, **options)
        )

    def _generate(self, source: nodes.Template, *args: Any, **options: Any) -> str:  # noqa: ANN401
        end_loops_in_time(source)
        return super()._generate(source, *args, **options)


class CompiledTemplate:
    """A template that is ready to write.

    Raises: jinja2.TemplateError for a template that cannot be read.
    """

    def __init__(self, source: str) -> None:
        self._environment = MarkingEnvironment()
        self.template = self._environment.from_string(source)

    def render(self, values: Mapping[str, Any]) -> MarkedText:
        """Return what the template writes."""
        return self._environment.render(self, values)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


class _Dict:
    """`dict` in templates, which cannot reach the type itself."""

    def __call__(self, *args: Any, **entries: Any) -> dict[Any, Any]:  # noqa: ANN401
        return dict(*args, **entries)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:  # noqa: ANN401
        """Return a dictionary with one value for all keys."""
        return dict.fromkeys(*args)


class _Namespace(Namespace):
    """`namespace` in templates, which holds no names of Python's internals."""

    def __init__(*args: Any, **values: Any) -> None:  # noqa: ANN401
        self, rest = args[0], args[1:]
        entries = dict(*rest, **values)
        for name in entries:
            _check_name(name)
        Namespace.__init__(self, entries)

    def __setitem__(self, name: str, value: object) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise TemplateRuntimeError(f"a namespace cannot hold {name!r}: it begins with an underscore")
