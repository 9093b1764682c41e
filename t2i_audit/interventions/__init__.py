"""What a denoiser draws when a part of what it is given, or holds, is taken away or exchanged."""
