"""What is known of diffusers pipelines: components, encoders, calls, and faults to work around."""
