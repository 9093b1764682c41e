"""Small text encoders and their tokenizers, of the very classes that the families use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prompts.world import vocabulary
from tests.tiny import clip_config, clip_tokenizer, t5_tokenizer

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def clip(*, projected: bool = False, length: int = 77, **changes: Any) -> tuple[Any, Any]:
    """A CLIP text encoder and its tokenizer."""
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = clip_tokenizer(length)
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    return kind(clip_config(tokenizer, **({"projection_dim": 32} | changes))).eval(), tokenizer


def t5(kind: str = "T5EncoderModel", *, width: int = 32) -> tuple[Any, Any]:
    """A T5 or UMT5 encoder and its tokenizer."""
    import transformers

    tokenizer = t5_tokenizer()
    config = {"T5EncoderModel": "T5Config", "UMT5EncoderModel": "UMT5Config"}[kind]
    settings = getattr(transformers, config)(
        vocab_size=len(tokenizer), d_model=width, d_ff=37, d_kv=8, num_layers=2, num_heads=4,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return getattr(transformers, kind)(settings).eval(), tokenizer


def bert() -> tuple[Any, Any]:
    """A BERT encoder 32 wide and its tokenizer."""
    from transformers import BertConfig, BertModel, BertTokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *vocabulary()]
    tokenizer = BertTokenizer(vocab={piece: index for index, piece in enumerate(pieces)})
    tokenizer.model_max_length = 77
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=37, max_position_embeddings=80,
    )  # fmt: skip
    return BertModel(config).eval(), tokenizer


def multilingual_clip() -> tuple[Any, Any]:
    """The encoder of Kandinsky 2.1, 32 wide, and its tokenizer."""
    from diffusers.pipelines.kandinsky.text_encoder import MCLIPConfig, MultilingualCLIP
    from transformers import XLMRobertaTokenizer

    words = [(f"▁{word}", -2.0) for word in vocabulary()]
    letters = [(letter, -10.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    special = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    vocab = list(dict([*special, *words, *letters]).items())
    tokenizer = XLMRobertaTokenizer(vocab=vocab, model_max_length=77)
    config = MCLIPConfig(
        transformerDimSize=32, imageDimSize=32, vocab_size=len(tokenizer), hidden_size=32,
        num_hidden_layers=2, num_attention_heads=4, intermediate_size=37,
        max_position_embeddings=80,
    )  # fmt: skip
    return MultilingualCLIP(config).eval(), tokenizer


def gemma(depth: int = 2) -> tuple[Any, Any]:
    """A Gemma 2 model 8 wide and its tokenizer."""
    from transformers import Gemma2Config, Gemma2Model, GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    letters = [chr(code) for code in range(33, 127)]
    pieces, merges = _merged([*pieces, *letters, "▁"], "▁")
    tokenizer = GemmaTokenizer(
        vocab={piece: index for index, piece in enumerate(pieces)}, merges=merges
    )
    config = Gemma2Config(
        vocab_size=len(tokenizer), head_dim=4, hidden_size=8, intermediate_size=8,
        num_attention_heads=2, num_key_value_heads=2, num_hidden_layers=depth, pad_token_id=0,
    )  # fmt: skip
    return Gemma2Model(config).eval(), tokenizer


def qwen_tokenizer() -> Any:
    """A byte-level tokenizer with a chat template, as the language models have."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    pieces, merges = _merged(sorted(ByteLevel.alphabet()), "Ġ")
    tokenizer = Qwen2Tokenizer(
        vocab={piece: index for index, piece in enumerate([*pieces, "<|endoftext|>"])},
        merges=merges,
        extra_special_tokens=["<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>"],
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def glm_tokenizer() -> Any:
    """A byte-level tokenizer that begins every text, empty ones too, with tokens of its own."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    backend = qwen_tokenizer().backend_tokenizer
    begin = "<|im_start|>"
    backend.post_processor = TemplateProcessing(
        single=f"{begin} $A", special_tokens=[(begin, backend.token_to_id(begin))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )


def language_model(kind: str, *, width: int = 16, depth: int = 2) -> tuple[Any, Any]:
    """A language model of the class `kind` (Qwen3, GLM, Llama, ...) and its tokenizer."""
    import transformers

    tokenizer = glm_tokenizer() if kind.startswith("Glm") else qwen_tokenizer()
    stem = kind.removesuffix("ForCausalLM").removesuffix("Model")
    config = getattr(transformers, f"{stem}Config")(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=16, head_dim=8,
        num_hidden_layers=depth, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=2048, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return getattr(transformers, kind)(config).eval(), tokenizer


def qwen_vision(
    *, width: int = 16, depth: int = 2, mrope: tuple[int, int, int] = (1, 1, 2)
) -> tuple[Any, Any]:
    """A Qwen 2.5 VL model and its tokenizer."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = qwen_tokenizer()
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer), "hidden_size": width, "intermediate_size": 16,
            "num_hidden_layers": depth, "num_attention_heads": 2, "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": list(mrope), "rope_type": "default"},
        },
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2,
            "out_hidden_size": width,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|im_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
    )  # fmt: skip
    return Qwen2_5_VLForConditionalGeneration(config).eval(), tokenizer


def mistral() -> tuple[Any, Any]:
    """A Mistral 3 model 16 wide, three blocks deep, and its processor."""
    from transformers import (
        Mistral3Config,
        Mistral3ForConditionalGeneration,
        PixtralImageProcessor,
        PixtralProcessor,
    )

    tokenizer = qwen_tokenizer()
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["[IMG]", "[IMG_BREAK]", "[IMG_END]"]}
    )
    # As deep as the layers that the pipeline asks for by number.
    config = Mistral3Config(
        text_config={
            "model_type": "mistral", "vocab_size": len(tokenizer), "hidden_size": 16,
            "intermediate_size": 16, "num_hidden_layers": 30, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 2048,
        },
        vision_config={
            "model_type": "pixtral", "hidden_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 4, "intermediate_size": 16, "image_size": 30,
            "patch_size": 6, "num_channels": 3,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
    )  # fmt: skip
    processor = PixtralProcessor(
        image_processor=PixtralImageProcessor(), tokenizer=tokenizer, chat_template=CHAT
    )
    return Mistral3ForConditionalGeneration(config).eval(), processor


def chatglm(folder: Path) -> tuple[Any, Any]:
    """ChatGLM and its tokenizer, whose vocabulary is written to `folder`."""
    import torch
    from diffusers.pipelines.kolors.text_encoder import ChatGLMConfig, ChatGLMModel
    from diffusers.pipelines.kolors.tokenizer import ChatGLMTokenizer

    tokenizer = ChatGLMTokenizer(str(sentence_pieces(folder / "tokenizer.model")))
    config = ChatGLMConfig(
        num_layers=2, padded_vocab_size=len(tokenizer), hidden_size=32, ffn_hidden_size=16,
        kv_channels=8, num_attention_heads=4, multi_query_attention=True,
        multi_query_group_num=2, seq_length=256, original_rope=True,
    )  # fmt: skip
    model = ChatGLMModel(config)
    for parameter in model.parameters():  # the class leaves them as memory was
        torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.05)
    return model.eval(), tokenizer


def sentence_pieces(path: Path, words: Sequence[str] = (), **settings: Any) -> Path:
    """Train a SentencePiece vocabulary on `words`, the rendered world's if there are none.

    With those every text can be spelt, byte by byte if need be; without a byte of others.
    """
    from sentencepiece import SentencePieceTrainer

    own = list(words or vocabulary())

    with path.open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter([" ".join(own), *own] * 4), model_writer=file,
            vocab_size=400, hard_vocab_limit=False, byte_fallback=not words,
            character_coverage=1.0, minloglevel=2, **settings,
        )  # fmt: skip
    return path


def _merged(pieces: list[str], space: str) -> tuple[list[str], list[tuple[str, str]]]:
    """`pieces` and the merges that make one token of each word with the `space` before it."""
    merges: list[tuple[str, str]] = []
    for word in vocabulary():
        whole = space
        for letter in word:
            pair = (whole, letter)
            whole += letter
            if pair not in merges:
                merges.append(pair)
                pieces.append(whole)
    return list(dict.fromkeys(pieces)), merges
