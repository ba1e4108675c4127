"""The language that a browser prefers."""

from starlette.datastructures import Headers

from qwen_chat.i18n import LANGUAGES, Language


def preferred_language(headers: Headers) -> Language:
    """Return the first of the page's languages in an Accept-Language header, else English."""
    for part in headers.get("accept-language", "").lower().split(","):
        for language in LANGUAGES:
            if part.strip().startswith(language):
                return language
    return "en"
