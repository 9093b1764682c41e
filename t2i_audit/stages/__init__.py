"""The stages of an audit, in the order data flows: text, images, judging, results."""
