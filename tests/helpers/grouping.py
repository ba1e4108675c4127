"""Which worker runs which tests: the files that import torch, which takes seconds, share two workers."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadFileScheduling

FIRST = ("tests/model/hf", "tests/model/test_going_on.py", "tests/model/test_tools_in_prompts.py")
SECOND = (
    "tests/model/qwen1",
    "tests/training",
    "tests/model/test_foreign_errors.py",
    "tests/batch",
    "tests/evaluation",
)


def group(file: str) -> str:
    """Return the name that a test file shares with others of its worker; most have their own alone."""
    path = PurePosixPath(file)
    for name, places in (("torch 1", FIRST), ("torch 2", SECOND)):
        if any(path.is_relative_to(place) for place in places):
            return name
    return file


class GroupedFiles(LoadFileScheduling):  # type: ignore[misc]
    """Gives out files as `--dist loadfile` does, and groups as one file."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])
