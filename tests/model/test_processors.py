"""How many threads should compute, on trees of files like those of Linux."""

import os
import sys
from ctypes import CDLL, c_char_p
from pathlib import Path

import pytest

from qwen_chat.model.processors import (
    cgroup_cores,
    parse_cpu_list,
    physical_cores,
    short_waits,
    usable_cores,
    waiting_environment,
)

CPU = "sys/devices/system/cpu"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def siblings(*lists: str) -> dict[str, str]:
    return {f"{CPU}/cpu{cpu}/topology/thread_siblings_list": text for cpu, text in enumerate(lists)}


def test_two_halves_of_a_core_count_once(tmp_path: Path) -> None:
    root = write(tmp_path, siblings("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7"))
    assert physical_cores(set(range(8)), root) == 4
    assert physical_cores({0, 4}, root) == 1
    assert physical_cores({0, 1, 4}, root) == 2


def test_only_fast_cores_count_where_there_are_two_kinds(tmp_path: Path) -> None:
    lists = ("0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7")
    root = write(tmp_path, {**siblings(*lists), "sys/devices/cpu_core/cpus": "0-3"})
    assert physical_cores(set(range(8)), root) == 2
    assert physical_cores({4, 5, 6}, root) == 3  # only slow ones are allowed


def test_without_a_topology_each_cpu_counts(tmp_path: Path) -> None:
    assert physical_cores({0, 3, 5}, tmp_path) == 3


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("none", set())]
)
def test_a_list_of_cpus(text: str, cpus: set[int]) -> None:
    assert parse_cpu_list(text) == cpus


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("250000 100000", 2), ("260000 100000", 3), ("20000 100000", 1), ("max 100000", None), ("", None)],
)
def test_a_quota_of_version_two(tmp_path: Path, quota: str, cores: int | None) -> None:
    write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": quota})
    assert cgroup_cores(tmp_path) == cores


def test_the_smallest_quota_of_all_groups_around_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/user.slice/chat.scope",
        "sys/fs/cgroup/user.slice/cpu.max": "200000 100000",
        "sys/fs/cgroup/user.slice/chat.scope/cpu.max": "600000 100000",
    }
    assert cgroup_cores(write(tmp_path, files)) == 2


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", None)])
def test_a_quota_of_version_one(tmp_path: Path, quota: str, cores: int | None) -> None:
    # In a container the mount is the container's own group, whatever path the kernel names.
    files = {
        "proc/self/cgroup": "9:memory:/docker/12\n4:cpu,cpuacct:/docker/12\n0::/docker/12",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert cgroup_cores(write(tmp_path, files)) == cores


@pytest.mark.parametrize("text", ["", "nonsense", "0:", "0::/../elsewhere"])
def test_groups_that_cannot_be_read_limit_nothing(tmp_path: Path, text: str) -> None:
    assert cgroup_cores(write(tmp_path, {"proc/self/cgroup": text})) is None


def test_this_machine_has_at_least_one_core_and_not_more_than_it_allows() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("known", "cores"), [("hw.perflevel0.physicalcpu", 6), ("hw.physicalcpu", 6), ("none", None)]
)
def test_a_mac_says_how_many_fast_cores_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, cores: int | None
) -> None:
    command = tmp_path / "sysctl"
    command.write_text(f'#!/bin/sh\ntest "$2" = {known} && echo 6\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert usable_cores() == (cores or os.cpu_count())


def test_threads_soon_sleep_when_they_wait_unless_a_person_chose_otherwise() -> None:
    assert waiting_environment({"PATH": "/bin"}) == {"GOMP_SPINCOUNT": "300"}
    assert waiting_environment({"GOMP_SPINCOUNT": "7"}) == {}
    assert waiting_environment({"OMP_WAIT_POLICY": "active"}) == {}


def test_a_library_that_is_loaded_meanwhile_sees_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    getenv = CDLL(None).getenv
    getenv.restype = c_char_p
    with short_waits():
        assert getenv(b"GOMP_SPINCOUNT") == b"300"
    assert getenv(b"GOMP_SPINCOUNT") is None
