"""What files of weights say of themselves; no engine is loaded."""
