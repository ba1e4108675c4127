"""Which models there are, here and on hubs, and how they are fetched."""
