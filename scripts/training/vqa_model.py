"""The VQA judge's model: a stock LLaVA with a small SigLIP vision tower and a small Llama."""

from __future__ import annotations

from itertools import product

import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    SiglipImageProcessor,
    SiglipVisionConfig,
)

from prompts.world import COLOURS, OPENINGS, RELATIONS, SHAPES, WORDINGS, Content, write
from t2i_audit.judges.questions import questions_of
from t2i_audit.judges.vqa_wording import ORDERS
from t2i_audit.world.scenes import IMAGE_SIZE

PATCH = 8  # pixels
PATCHES = (IMAGE_SIZE // PATCH) ** 2
WIDTH = 128
LONGEST = 256  # tokens, the image's 64 included
SPECIAL = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<bos>",
    "eos_token": "<eos>",
}
IMAGE, USER, ASSISTANT = "<image>", "<user>", "<assistant>"
WORD_PATTERN = r"\w+|[^\w\s]"
ANOTHER = "another"  # asked for where a prompt has the same object twice
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<assistant>{% else %}<user>{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% endif %}"
    "{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% endif %}{% endfor %}"
    "{% endif %}"
    "{% if message['role'] == 'assistant' %}<eos>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def words_known() -> tuple[str, ...]:
    """Every word and punctuation mark of the questions on the rendered world, sorted."""
    texts = [*ORDERS, ANOTHER]
    for shape in SHAPES:
        for colour in COLOURS:
            texts += _questions(Content(((colour, shape),)))
        texts += _questions(Content((("red", shape), ("blue", shape))))
    for relation, opening in product(RELATIONS, OPENINGS):
        for wording in WORDINGS[relation]:
            content = Content((("red", "star"), ("blue", "cross")), relation)
            texts += _questions(content, opening, wording)
    split = pre_tokenizers.Split(Regex(WORD_PATTERN), behavior="isolated")
    found = {word.strip() for text in texts for word, _ in split.pre_tokenize_str(text.casefold())}
    return tuple(sorted(found - {""}))


def _questions(content: Content, opening: str = "", wording: str | None = None) -> list[str]:
    prompt = write(content, opening=opening, wording=wording)
    return [question.text for question in questions_of(prompt)]


def build_processor() -> LlavaProcessor:
    """Images of 64 x 64 pixels, words as tokens, and the chat template."""
    special = [*SPECIAL.values(), IMAGE, USER, ASSISTANT]
    vocabulary = {word: index for index, word in enumerate((*special, *words_known()))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL["unk_token"]))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(WORD_PATTERN), behavior="isolated"),
        ]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        **SPECIAL,
        extra_special_tokens=[IMAGE, USER, ASSISTANT],
        model_max_length=LONGEST,
        padding_side="left",
    )
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    return LlavaProcessor(
        SiglipImageProcessor(size=side, image_mean=[0.5] * 3, image_std=[0.5] * 3),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE,
    )


def build_model(processor: LlavaProcessor, *, seed: int) -> LlavaForConditionalGeneration:
    """The model with random weights."""
    tokenizer = processor.tokenizer
    vision = SiglipVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=IMAGE_SIZE,
        patch_size=PATCH,
        vision_use_head=False,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=LONGEST,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=processor.image_token_id,
        image_seq_length=PATCHES,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
    )
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
