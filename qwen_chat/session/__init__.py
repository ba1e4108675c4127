"""One conversation with a model, for every front end."""
