"""Measures what qwen-chat costs beside a bare script on the same engine; `python -m benchmarks` runs all."""
