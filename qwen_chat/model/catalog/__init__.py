"""Finds models on this machine and on hubs, and fetches them."""
