"""The API: the HTTP interfaces of OpenAI and Anthropic over the models; it keeps no conversations."""
