"""Keeps Gradio from writing type stubs of its components: they take two fifths of the time of its import."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

_WRITER, _FUNCTION = "gradio.component_meta", "create_or_modify_pyi"


class _Loader(SourceFileLoader):
    """Loads Gradio's module that writes the stubs, and takes the writing out."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if _FUNCTION in vars(module):
            vars(module)[_FUNCTION] = lambda *_: None


class _Finder(MetaPathFinder):
    """Finds that module alone."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _WRITER or (found := PathFinder.find_spec(name, path, target)) is None:
            return None
        if isinstance(found.loader, SourceFileLoader):
            found.loader = _Loader(name, found.loader.path)
        return found


def skip() -> None:
    """Leave out the stubs when Gradio is imported from now on."""
    if not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
