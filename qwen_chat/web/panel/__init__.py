"""Gradio's part of the page: the frame and the settings panel."""
