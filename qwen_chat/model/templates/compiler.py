"""Compiles a template so that its own texts are marked as such, and its loops can be ended."""

from collections.abc import Iterable
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Macro


class MarkingCodeGenerator(CodeGenerator):
    """Writes `environment.own(...)` for the template's texts, and marked operations for others."""

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Write a constant."""
        if isinstance(node.value, str):
            self.write(f"environment.own({node.value!r})")
        else:
            super().visit_Const(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        """Write the operation `~`."""
        if _escapes(frame):
            super().visit_Concat(node, frame)
            return
        self.write("environment.concat_values((")
        for each in node.nodes:
            self.visit(each, frame)
            self.write(", ")
        self.write("))")

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return f"environment.own({super()._output_const_repr(group)})"

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:  # noqa: ANN401
        if _escapes(frame):
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.written(")


class GenerationTag(Extension):
    """The tag `generation` of transformers, which marks answers for training; it writes what it holds."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> nodes.Node:
        """Return a call of the block."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller: Macro) -> str:
        return caller()


def _escapes(frame: Frame) -> bool:
    """Return whether a template writes HTML here, which no chat template does; it then counts as typed."""
    return bool(frame.eval_ctx.volatile or frame.eval_ctx.autoescape)


def end_loops_in_time(template: nodes.Template) -> None:
    """Have each loop of a template ask the environment before each of its steps."""
    for loop in template.find_all(nodes.For):
        steps = nodes.EnvironmentAttribute("steps")
        loop.iter = nodes.Call(steps, [loop.iter], [], None, None, lineno=loop.lineno)
