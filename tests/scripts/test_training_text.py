"""Words that a tokenizer of the built-in checkpoints gets later, and what encoders are asked."""

from __future__ import annotations

import random

import torch

from prompts.world import Content, counting_vocabulary, vocabulary, write
from scripts.training.data import captions
from scripts.training.encoder import IGNORED, SIZES, SIZES_WITH_COUNTS, targets_of
from scripts.training.text import build_text_encoder, build_tokenizer, tokenize, with_tokens_of


def test_later_words_leave_the_ids_of_the_earlier_as_they_are() -> None:
    first, both = build_tokenizer(), build_tokenizer(more_words=counting_vocabulary())
    texts = [prompt.text for prompt in captions(200, random.Random(0))]

    assert torch.equal(tokenize(first, texts), tokenize(both, texts))
    for word in counting_vocabulary():
        assert both.tokenize(word) == [f"{word}</w>"]
    assert not set(vocabulary()) & set(counting_vocabulary())


def test_an_encoder_with_later_words_says_the_same_of_the_earlier() -> None:
    first, both = build_tokenizer(), build_tokenizer(more_words=counting_vocabulary())
    encoder = build_text_encoder(first, seed=1).eval()
    larger = with_tokens_of(encoder, both, seed=2).eval()
    ids = tokenize(first, ["a picture of a red star above a blue cross"])

    with torch.no_grad():
        assert torch.equal(encoder(ids).last_hidden_state, larger(ids).last_hidden_state)
    assert larger.config.vocab_size == len(both)


def test_a_number_is_a_target_of_its_own_and_leaves_the_others_in_their_places() -> None:
    counted = targets_of(write(Content((("red", "star"),), count=3)))
    plain = targets_of(write(Content((("red", "star"),))))

    assert (counted[:-1], counted[-1], plain[-1]) == (plain[:-1], 2, IGNORED)
    assert len(counted) == len(SIZES_WITH_COUNTS) == len(SIZES) + 1
