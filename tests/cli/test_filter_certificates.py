"""What ``prompts filter`` does with the certificate of held-out compositions."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.analysis.check import check_prompts
from prompts.formats.native import Header, dump_header, dump_prompt, read_lines
from prompts.generate import generate
from prompts.grammar.load import load_grammar
from prompts.selection.subset import Sample, choose
from prompts.splits import SplitPlan, certify, compositions, split_prompts
from prompts.suite import load_suite, read_suite_header
from t2i_audit.cli.main import main
from tests.cli.prompts_program import filter_

pytestmark = pytest.mark.usefixtures("in_a_folder")

SUITE = load_suite("attributes").prompts
HEADER = read_suite_header(Path("prompts/suites/attributes.jsonl"))


CERTIFICATE_CASES = [
    (["--where", "type=colours"], None),
    (["--where", "split=held_out"], "no seen prompt is left"),
    (["--where", "split=seen"], "no held-out prompt is left"),
    (["--where", "object_1.colour=red"], "would occur in no seen prompt"),
    (["--sample", "1000"], None),
]


@pytest.mark.parametrize(("arguments", "reason"), CERTIFICATE_CASES)
def test_a_certificate_is_counted_anew_or_dropped_with_a_word(
    arguments: list[str], reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filter_("attributes", *arguments, "-o", "out.jsonl") == 0

    said = capsys.readouterr().out
    header = read_suite_header(Path("out.jsonl"))
    assert header is not None
    assert main(["prompts", "check", "out.jsonl"]) == 0
    if reason is not None:
        assert "note: the certificate of held-out compositions was dropped: " in said
        assert reason in said
        assert header.certificate is None
        return
    assert "the certificate of held-out compositions was recomputed" in said
    kept = load_suite("out.jsonl").prompts
    certificate = header.certificate
    assert certificate is not None
    own = [compositions(prompt) for prompt in kept]
    assert certificate.compositions == len(frozenset().union(*own))
    assert certificate.seen_prompts == sum(prompt.split == "seen" for prompt in kept)
    assert certificate.held_out_prompts == sum(prompt.split == "held_out" for prompt in kept)
    seen = frozenset().union(*(o for o, p in zip(own, kept, strict=True) if p.split == "seen"))
    everything = frozenset().union(*own)
    assert set(certificate.withheld) <= everything - seen


@given(st.integers(0, 50), st.integers(30, 89))
@settings(max_examples=15, deadline=None)
def test_a_certificate_that_stays_holds(seed: int, count: int) -> None:
    grammar = load_grammar("world")
    labelled, certificate = split_prompts(lambda: generate(grammar, 90, seed=seed), 0.1, seed=seed)
    header = Header(certificate=certificate)

    subset, lines = choose(
        labelled, header, [], Sample(count, (), seed), io.StringIO(), source="test"
    )

    kept = list(read_lines(lines, source="test"))
    stays = subset.header.certificate
    if stays is None:
        assert "was dropped" in subset.notes[-1]
        return
    split = SplitPlan(stays.order, stays.fraction, stays.seed, frozenset(stays.withheld))
    assert certify(kept, split) == stays
    assert stays.holds
    assert not check_prompts(kept, subset.header).faults


def test_a_certificate_that_never_was_true_is_not_passed_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert HEADER is not None
    rows = [dump_prompt(prompt) for prompt in SUITE]
    rows[0] = rows[0].replace('"split": "seen"', '"split": "?"').replace('"held_out"', '"seen"')
    rows[0] = rows[0].replace('"?"', '"held_out"')
    Path("own.jsonl").write_text(dump_header(HEADER) + "".join(rows), encoding="utf-8")

    assert filter_("own.jsonl", "--where", "foils", "-o", "out.jsonl") == 0

    assert "was dropped: it contradicts the split of 1 prompts" in capsys.readouterr().out
