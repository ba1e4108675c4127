"""Many prompts from a file, answered in their order into another; knows no engine and prints nothing."""

from qwen_chat.batch.answers import Earlier, Result, record, resume
from qwen_chat.batch.jobs import Job, read_jobs
from qwen_chat.batch.runner import run

__all__ = ["Earlier", "Job", "Result", "read_jobs", "record", "resume", "run"]
