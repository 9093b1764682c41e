"""Synthetic data whose answer is known: what the probe must find, and what it must not."""
