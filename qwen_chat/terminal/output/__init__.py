"""Output in the terminal: answers while they are written, footers, tables and plots."""
