"""What the text encoders hold of a prompt, and which of their tokens are its words."""
