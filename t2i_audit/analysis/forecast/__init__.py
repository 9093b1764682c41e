"""The risk that prompts fail, from what is known of them before there is an image."""
