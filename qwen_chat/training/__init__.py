"""Makes new checkpoints from existing ones."""
