"""How a question is put to a model: the instruction on how to answer, in both orders."""

from __future__ import annotations

# The first is VQAScore's (Lin et al. 2024). Models favour one word, or the one named first or last;
# asking in both orders and averaging the logits cancels what depends on the order.
ORDERS = ("Please answer yes or no.", "Please answer no or yes.")


def in_both_orders(question: str) -> tuple[str, ...]:
    """The texts that a model is asked for one question."""
    return tuple(f"{question} {order}" for order in ORDERS)
