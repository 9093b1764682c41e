"""Decoder-only transformers on the task's tokens and the input.

Each sample is one sequence: the encoding, split into its tokens, then the input; the output is read
at the last token. The position of a token identifies its module. The attention scores of the last
token in all heads are probed too: they are the latent code of the hypernetwork that attention
implements (Schug, Kobayashi, Akram, Sacramento and Pascanu, arXiv 2406.05816).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from synthetic.settings import HEADS
from synthetic.streams import stream
from synthetic.students.base import INPUT

FEED_FORWARD = 4  # hidden units of a block's feed-forward network, in units of its width


class Transformers(nn.Module):
    """Transformers of one shape, one for each of `seeds`, computed one after the other."""

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        encoding_size: int,
        encoding_tokens: int,
        input_size: int,
        input_tokens: int,
        output_size: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList()
        for seed in seeds:
            # torch draws parameters from its global generator, which is seeded here and restored.
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(stream(seed, "student").integers(2**62)))
                self.members.append(
                    Transformer(
                        encoding_size=encoding_size,
                        encoding_tokens=encoding_tokens,
                        input_size=input_size,
                        input_tokens=input_tokens,
                        output_size=output_size,
                        width=width,
                        depth=depth,
                    )
                )

    def forward(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        pairs = zip(self.members, encoding, inputs, strict=True)
        return torch.stack([member(codes, values) for member, codes, values in pairs])

    def read(
        self, encoding: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        read = [
            member.read(codes, values)  # type: ignore[operator]
            for member, codes, values in zip(self.members, encoding, inputs, strict=True)
        ]
        places = {place: torch.stack([one[1][place] for one in read]) for place in read[0][1]}
        return torch.stack([one[0] for one in read]), places

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Matrices decay; biases, norms and position embeddings do not."""
        matrices = {
            f"{name}.weight"
            for name, module in self.named_modules()
            if isinstance(module, nn.Linear)
        }
        parameters = dict(self.named_parameters())
        return (
            [parameter for name, parameter in parameters.items() if name in matrices],
            [parameter for name, parameter in parameters.items() if name not in matrices],
        )


class Transformer(nn.Module):
    """One transformer; its tensors have no dimension of members."""

    def __init__(
        self,
        *,
        encoding_size: int,
        encoding_tokens: int,
        input_size: int,
        input_tokens: int,
        output_size: int,
        width: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.encoding_tokens, self.input_tokens = encoding_tokens, input_tokens
        self.embed_encoding = (
            nn.Linear(encoding_size // encoding_tokens, width) if encoding_tokens else None
        )
        self.embed_input = nn.Linear(input_size // input_tokens, width)
        self.positions = nn.Parameter(0.02 * torch.randn(encoding_tokens + input_tokens, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.readout = nn.Linear(width, output_size)

    def forward(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        hidden = self._embedded(encoding, inputs)
        for block in self.blocks:
            hidden = block(hidden)
        return self._outputs(hidden, inputs)

    def read(
        self, encoding: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Outputs ``(tasks, samples, output_size)`` and places ``(tasks, features)``."""

        def last_sample(rows: torch.Tensor) -> torch.Tensor:
            return rows.reshape(*inputs.shape[:2], -1)[:, -1]

        places = {INPUT: encoding if self.encoding_tokens else inputs[:, -1]}
        hidden = self._embedded(encoding, inputs)
        for index, block in enumerate(self.blocks, start=1):
            assert isinstance(block, Block)
            places[f"attention_{index}"] = last_sample(block.last_scores(hidden))
            hidden = block(hidden)
            places[f"hidden_{index}"] = last_sample(hidden[:, -1])
        return self._outputs(hidden, inputs), places

    def _embedded(self, encoding: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        """The sequences of all samples, ``(tasks x samples, tokens, width)``."""
        tasks, samples, _ = inputs.shape
        tokens = self.embed_input(inputs.reshape(tasks * samples, self.input_tokens, -1))
        if self.embed_encoding is not None:
            task = self.embed_encoding(encoding.reshape(tasks, self.encoding_tokens, -1))
            tokens = torch.cat([task.repeat_interleave(samples, dim=0), tokens], dim=1)
        return tokens + self.positions

    def _outputs(self, hidden: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        return self.readout(self.norm(hidden[:, -1])).view(*inputs.shape[:2], -1)


class Block(nn.Module):
    """Causal attention and a feed-forward network, both with layer norm and residual connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.network_norm = nn.LayerNorm(width)
        self.network = nn.Sequential(
            nn.Linear(width, FEED_FORWARD * width),
            nn.GELU(),
            nn.Linear(FEED_FORWARD * width, width),
        )

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        query, key, value = self._heads(hidden)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.projection(attended.transpose(1, 2).flatten(2))
        return hidden + self.network(self.network_norm(hidden))

    def last_scores(self, hidden: torch.Tensor) -> torch.Tensor:
        """Attention of the last token to every token in every head, ``(n, heads x tokens)``."""
        query, key, _ = self._heads(hidden)
        scores = query[:, :, -1:] @ key.transpose(2, 3) / query.shape[3] ** 0.5
        return scores.softmax(dim=3).flatten(1)

    def _heads(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        n, tokens, width = hidden.shape
        split = self.query_key_value(self.attention_norm(hidden))
        query, key, value = split.view(n, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        return query, key, value
