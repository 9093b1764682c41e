"""What the user sees of a result."""
