"""Measurements of models and of roles."""
