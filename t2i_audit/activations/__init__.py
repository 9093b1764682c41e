"""What networks hold of a prompt: hidden states of text encoders and of the denoiser."""
