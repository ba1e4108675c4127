"""What is typed in the terminal."""
