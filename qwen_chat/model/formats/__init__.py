"""Readers for the headers and configs of model files; no engine is loaded."""
