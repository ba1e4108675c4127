"""Answers many prompts from a file, in their order, into another file; knows no engine and prints nothing."""

from qwen_chat.batch.jobs import Job, read_jobs
from qwen_chat.batch.results import FinishedLines, Result, format_result, skip_finished
from qwen_chat.batch.runner import run_jobs

__all__ = ["FinishedLines", "Job", "Result", "format_result", "read_jobs", "run_jobs", "skip_finished"]
