"""The page of a run: a module for each section, and `page`, which joins them."""
