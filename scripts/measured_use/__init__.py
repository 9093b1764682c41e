"""What `python -m scripts.use_table` makes of runs whose use was measured."""
