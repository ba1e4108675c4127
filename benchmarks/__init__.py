"""Compares qwen-chat with a bare script on the same engine; `python -m benchmarks` runs all measurements."""
