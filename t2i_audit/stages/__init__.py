"""The stages of an audit, in the order data flows: text, pictures, judging, results."""
