"""Simulations of known truth through the public functions that an audit uses.

Each cell of a table is a `Cell`: one way to draw data whose truth is known, what is kept of each
draw, and the goals. `scripts/validity.py` runs the cells and writes the page.
"""
