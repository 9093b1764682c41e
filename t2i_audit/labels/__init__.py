"""Labels: what people, or an exact judge, say of images."""
