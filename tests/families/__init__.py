"""Tiny checkpoints of random weights, one for each family of pipelines that diffusers has."""
