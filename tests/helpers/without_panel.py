"""Once this is imported, the page imports Gradio only when the settings are opened."""

from qwen_chat.web import serving

serving.PANEL_DELAY_SECONDS = 24 * 3600.0
