"""Engines behind one narrow wall; `base` is the wall, each heavy library is imported where it is used."""
