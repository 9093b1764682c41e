"""Use, measured by intervention: images drawn anew while a slot is changed, and judged."""
