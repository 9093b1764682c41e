"""Every token of a prompt gets the role that it has in it."""

from __future__ import annotations

from prompts.world import Content, write
from t2i_audit.activations.text.positions import PromptTokens, locate
from t2i_audit.activations.text.tokenizing import tokenize
from t2i_audit.interventions.alone import words_of
from t2i_audit.interventions.roles import Role, token_roles
from tests.tiny import clip_tokenizer

TOKENIZER = clip_tokenizer(24)
PROMPT = write(Content((("purple", "star"), ("red", "cross")), "left of"))


def row_and_tokens() -> tuple[list[int], PromptTokens]:
    row = TOKENIZER(PROMPT.text, padding="max_length", max_length=24)["input_ids"]
    return row, locate(TOKENIZER, PROMPT, row)


def test_the_roles_of_a_clip_row() -> None:
    row, tokens = row_and_tokens()
    roles = token_roles(tokens, row, TOKENIZER.pad_token_id)
    slots = [role.group for role in roles if "." in role.group or role.group == "relation"]

    assert roles[0] == Role("template", -1)
    assert slots[:2] == ["object_1.colour"] * 2  # "purple" has two tokens
    assert [role.index for role in roles if role.group == "word"] == list(
        range(sum(role.group == "word" for role in roles))
    )
    assert roles[tokens.eos] == Role("end")
    after = roles[tokens.eos + 1 :]
    assert [role.index for role in after[:7]] == [1, 2, 2, 3, 3, 3, 3]
    assert {role.group for role in after} == {"padding"}


def test_padding_before_a_prompt_and_a_template_around_it_have_roles_of_their_own() -> None:
    tokens = PromptTokens(eos=6, content=(3, 4), slots={"s": (4,)}, reading="whole", located=True)
    roles = token_roles(tokens, [0, 0, 7, 5, 6, 8, 9, 0], 0)

    assert roles == (
        Role("padding", -3), Role("padding", -3), Role("template", -1), Role("word", 0), Role("s"),
        Role("template", 1), Role("end"), Role("padding", 1),
    )  # fmt: skip


def test_the_words_of_a_constituent_and_the_tokens_of_a_word_stay_together() -> None:
    _, tokens = row_and_tokens()
    (text,) = tokenize(TOKENIZER, [PROMPT.text])
    words = words_of(PROMPT, tokens, text.offsets)
    spans = {slot: {words[index] for index in own} for slot, own in tokens.slots.items()}

    assert all(len(numbers) == 1 for numbers in spans.values())
    assert len({min(each) for each in spans.values()}) == len(spans)
    # Every word of no constituent is one of its own: two articles, and "to" and "the" if any.
    others = PROMPT.text.split()
    relation = PROMPT.constituent("relation")
    assert relation is not None
    inside = len(PROMPT.text[relation.start : relation.end].split())
    assert len(set(words.values())) == len(others) - inside + 1


def test_of_a_text_that_was_changed_what_lies_between_constituents_is_one_word() -> None:
    tokens = PromptTokens(
        eos=5,
        content=(0, 1, 2, 3, 4),
        slots={"a": (1,), "b": (4,)},
        reading="changed",
        located=True,
    )

    assert words_of(PROMPT, tokens, [(0, 1)]) == {0: 0, 1: 1, 2: 2, 3: 2, 4: 3}
