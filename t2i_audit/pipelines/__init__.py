"""What is known of diffusers pipelines."""
