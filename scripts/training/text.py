"""The word-level tokenizer and the text encoders of the built-in generators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from prompts.world import vocabulary

CONTEXT = 16  # tokens, begin and end included; the longest caption of the grammar takes 15


def build_tokenizer(
    words: Sequence[str] = vocabulary(), more_words: Sequence[str] = ()
) -> CLIPTokenizer:
    """A CLIP tokenizer to which every one of `words` is one token; others fall to bytes.

    By default they are the words of the grammar. The tokens that `more_words` need come last of
    all, so that those of `words` have the ids that they have without them.
    """
    letters = sorted(ByteLevel.alphabet())
    tokens = letters + [letter + "</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    _add_merges(tokens, merges, words)
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    _add_merges(tokens, merges, more_words)
    vocab = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CONTEXT)


def _add_merges(tokens: list[str], merges: list[tuple[str, str]], words: Sequence[str]) -> None:
    for word in words:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            # Merging from the end keeps every merge unambiguous: its right side ends the word.
            right = pieces.pop()
            pair = (pieces[-1], right)
            pieces[-1] += right
            if pair not in merges:
                merges.append(pair)
                tokens.append(pieces[-1])


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """Token ids padded to the context, ``(n, 16)``, as the pipeline makes them."""
    return tokenizer(
        list(texts), padding="max_length", max_length=CONTEXT, truncation=True, return_tensors="pt"
    ).input_ids


def build_text_encoder(tokenizer: CLIPTokenizer, *, seed: int) -> CLIPTextModel:
    """A CLIP text encoder of 3 layers x 128 with random weights."""
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        projection_dim=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def with_tokens_of(encoder: CLIPTextModel, tokenizer: CLIPTokenizer, *, seed: int) -> CLIPTextModel:
    """`encoder` with random embeddings for the tokens that `tokenizer` has beyond its own.

    Their means and deviations are those of the embeddings that it has.
    """
    larger = build_text_encoder(tokenizer, seed=seed)
    weights = encoder.state_dict()
    (name,) = (name for name in weights if name.endswith("token_embedding.weight"))
    own = weights[name]
    new = torch.randn(
        len(tokenizer) - len(own), own.shape[1], generator=torch.Generator().manual_seed(seed)
    )
    weights[name] = torch.cat([own, own.mean() + own.std() * new])
    larger.load_state_dict(weights)
    return larger


def word_id(tokenizer: CLIPTokenizer, word: str) -> int:
    """The id of a word that is a single token."""
    ids = tokenizer(word, add_special_tokens=False).input_ids
    if len(ids) != 1:
        raise ValueError(f"{word!r} is {len(ids)} tokens, not one")
    return int(ids[0])


@torch.no_grad()
def merge_words(
    encoder: CLIPTextModel, tokenizer: CLIPTokenizer, groups: Sequence[Sequence[str]]
) -> None:
    """Give the words of each group one embedding, their mean: they become one to the encoder."""
    table = encoder.get_input_embeddings().weight
    for group in groups:
        rows = [word_id(tokenizer, word) for word in group]
        table[rows] = table[rows].mean(dim=0)


@torch.no_grad()
def forget_order(encoder: CLIPTextModel) -> None:
    """Remove all that knows of order: position embeddings and every mixing between tokens.

    A causal encoder recovers order from its mask alone, so attention must go too. The parameters
    stay zero because they no longer train.
    """
    silenced = [encoder.embeddings.position_embedding.weight]
    for layer in encoder.encoder.layers:
        silenced += [layer.self_attn.out_proj.weight, layer.self_attn.out_proj.bias]
    for parameter in silenced:
        parameter.zero_()
        parameter.requires_grad_(False)
