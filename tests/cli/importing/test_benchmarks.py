"""Other benchmarks' prompt files, in small: their ids, their columns and what is sure of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from prompts.structure import Prompt
from t2i_audit.cli.main import main

GENEVAL2 = [
    ("four white bicycles in front of three plastic cows", 7, [
        ("How many bicycles are in the image?", "four", "count"),
        ("Are the bicycles white?", "Yes", "attribute"),
        ("Are there any bicycles in the image?", "Yes", "object"),
        ("Are the bicycles in front of the cows?", "Yes", "position"),
        ("How many cows are in the image?", "three", "count"),
        ("Are the cows plastic?", "Yes", "attribute"),
        ("Are there any cows in the image?", "Yes", "object"),
    ]),
    ("a clock, and two dogs chasing a sheep", 4, [
        ("How many clocks are in the image?", "one", "count"),
        ("Are there any clocks in the image?", "Yes", "object"),
        ("How many dogs are in the image?", "two", "count"),
        ("Are there any dogs in the image?", "Yes", "object"),
        ("Are the dogs chasing the sheep?", "Yes", "verb"),
        ("How many sheeps are in the image?", "one", "count"),
        ("Are there any sheeps in the image?", "Yes", "object"),
    ]),
    ("a clock that nobody asked about beside a dog", 1, [
        ("How many clocks are in the image?", "one", "count"),
        ("Are there any clocks in the image?", "Yes", "object"),
    ]),
]  # fmt: skip
DSG_HEADER = [
    "item_id", "text", "keywords", "proposition_id", "dependency", "category_broad",
    "category_detailed", "tuple", "question_natural_language",
]  # fmt: skip
DSG_ROWS = [
    ("whoops_5", "A child draws a blue flower with a red pencil.", [
        ("child", "1", "0", "entity", "whole"),
        ("flower", "2", "0", "entity", "whole"),
        ("pencil", "3", "0", "entity", "whole"),
        ("flower, blue", "4", "2", "attribute", "color"),
        ("pencil, red", "5", "3", "attribute", "color"),
        ("child, flower, draw", "6", "1,2", "relation", "action"),
    ]),
    ("tifa160_7", "a ball to the left of two cats\non a mat", [
        ("ball", "1", "0", "entity", "whole"),
        ("cats", "2", "0", "entity", "whole"),
        ("cats, ==2", "3", "2", "other", "count"),
        ("ball, cats, to the left of", "4", "1,2", "relation", "spatial"),
    ]),
    ("vrd_1", "dog on dog", [("dog", "1", "0", "entity", "whole")]),
]  # fmt: skip


def parts(prompt: Prompt) -> dict[str, str]:
    return {part.slot: prompt.text[part.start : part.end] for part in prompt.constituents}


def write_geneval2() -> None:
    lines = [
        json.dumps(
            {
                "prompt": text,
                "atom_count": atoms,
                "vqa_list": [[question, answer] for question, answer, _ in asked],
                "skills": [skill for *_, skill in asked],
            }
        )
        for text, atoms, asked in GENEVAL2
    ]
    Path("geneval2_data.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_dsg(name: str, ids: dict[str, str] | None = None) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(DSG_HEADER)
        for item, text, rows in DSG_ROWS:
            for words, number, needed, broad, detail in rows:
                told = f"{broad} - {detail} ({words})"
                own = (ids or {}).get(item, item)
                writer.writerow([own, text, words, number, needed, broad, detail, told, "Is it?"])


def test_geneval_2s_atoms_become_constituents_and_are_kept(take: Any) -> None:
    write_geneval2()

    prompts, _ = take("geneval2", "geneval2_data.jsonl")

    bicycles, clock, unsure = prompts
    assert parts(bicycles) == {
        "object_1.count": "four",
        "object_1.colour": "white",
        "object_1.object": "bicycles",
        "relation": "in front of",
        "object_2.count": "three",
        "object_2.material": "plastic",
        "object_2.object": "cows",
    }
    foils = {foil.change: foil.text for foil in bicycles.foils}
    assert foils["relation_reversed"] == "four white bicycles behind three plastic cows"
    assert foils["counts_swapped"] == "three white bicycles in front of four plastic cows"
    assert parts(clock)["relation"] == "chasing"
    assert clock.constituent("relation").entities == ("object_2", "object_3")
    assert clock.constituent("object_3.object").value == "sheep"
    assert unsure.constituents == ()
    assert [prompt.type for prompt in prompts] == ["atoms_7", "atoms_4", "atoms_1"]
    assert bicycles.metadata["atom_count"] == 7
    assert bicycles.metadata["skills"][3] == "position"
    assert bicycles.metadata["vqa_list"][0] == ["How many bicycles are in the image?", "four"]


def test_dsgs_tuples_become_constituents_where_their_words_are_found(take: Any) -> None:
    write_dsg("dsg.csv")

    prompts, notes = take("dsg", "dsg.csv")

    child, ball, dogs = prompts
    assert [prompt.id for prompt in prompts] == ["whoops_5", "tifa160_7", "vrd_1"]
    assert [prompt.type for prompt in prompts] == ["whoops", "tifa160", "vrd"]
    assert parts(child) == {
        "object_1.object": "child",
        "object_2.object": "flower",
        "object_3.object": "pencil",
        "object_2.colour": "blue",
        "object_3.colour": "red",
    }
    assert ball.text == "a ball to the left of two cats on a mat"
    assert parts(ball) == {
        "object_1.object": "ball",
        "object_2.object": "cats",
        "object_2.count": "two",
        "relation": "to the left of",
    }
    assert ball.constituent("relation").entities == ("object_1", "object_2")
    assert dogs.constituents == ()
    assert "2 propositions could not be located in their prompts with certainty" in notes
    assert child.metadata["propositions"][3] == {
        "keywords": "flower, blue",
        "proposition_id": "4",
        "dependency": "2",
        "category_broad": "attribute",
        "category_detailed": "color",
        "tuple": "attribute - color (flower, blue)",
        "question_natural_language": "Is it?",
    }


def test_dpgs_folder_has_an_id_for_each_file(take: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("dpg_bench")
    (folder / "prompts").mkdir(parents=True)
    for name, text in (("2", DSG_ROWS[1][1]), ("10", "a dog"), ("COCOval12", DSG_ROWS[0][1])):
        (folder / "prompts" / f"{name}.txt").write_text(text)
    (folder / "prompts" / "11.txt").write_bytes("a café".encode("cp1252"))
    write_dsg("dpg_bench/dpg_bench.csv", {"tifa160_7": "2", "whoops_5": "COCOval12"})

    for path in ("dpg_bench", "dpg_bench/prompts"):
        prompts, notes = take("dpg", path)
        assert [prompt.id for prompt in prompts] == ["2", "10", "11", "COCOval12"]
        assert [prompt.type for prompt in prompts] == ["dpg", "dpg", "dpg", "COCOval"]
        assert parts(prompts[0])["relation"] == "to the left of"
        assert len(prompts[3].metadata["propositions"]) == 6
        assert prompts[2].text == "a café"
        assert "11.txt: the file is not UTF-8 and was read as Windows-1252" in notes
        assert "2 prompts have no questions in dpg_bench.csv" in notes
        assert "1 item has questions and no text file and was left out" in notes
    assert [prompt.id for prompt in take("dpg", "dpg_bench/dpg_bench.csv")[0]] == [
        "COCOval12", "2", "vrd_1",
    ]  # fmt: skip

    (folder / "prompts" / "12.txt").write_text(" \n")
    assert main(["prompts", "import", "dpg", "dpg_bench", "-o", "no.jsonl"]) == 2
    assert "prompts/12.txt: text is empty" in capsys.readouterr().err
    Path("nothing").mkdir()
    assert main(["prompts", "import", "dpg", "nothing", "-o", "no.jsonl"]) == 2
    assert "nothing has no .txt files" in capsys.readouterr().err


def test_tiifs_two_wordings_have_the_same_ids(
    take: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("color+2d", "style"):
        rows = [
            {
                "type": kind,
                "short_description": f"{kind} {n}",
                "long_description": f"Long {kind} {n}.",
            }
            for n in range(2)
        ]
        Path(f"{kind}_prompts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    files = ("color+2d_prompts.jsonl", "style_prompts.jsonl")

    short, notes = take("tiif", *files)
    long, _ = take("tiif", *files, "--text-column", "long_description")

    assert [p.id for p in short] == ["color+2d-0", "color+2d-1", "style-0", "style-1"]
    assert [p.id for p in long] == [p.id for p in short]
    assert short[2].text == "style 0"
    assert long[2].text == "Long style 0."
    assert short[2].metadata == {"long_description": "Long style 0."}
    assert short[2].type == "style"
    assert "--text-column long_description reads the long ones" in notes

    Path("eval.jsonl").write_text(
        '{"type": "x", "yn_question_list": ["Is it?"]}\n', encoding="utf-8"
    )
    assert main(["prompts", "import", "tiif", "eval.jsonl", "-o", "no.jsonl"]) == 2
    assert "has no short_description or long_description" in capsys.readouterr().err


def test_partiprompts_and_drawbench_have_their_categories(take: Any) -> None:
    Path("PartiPrompts.tsv").write_text(
        "Prompt\tCategory\tChallenge\tNote\n"
        "bond\tAbstract\tBasic\tBiology-inspired concepts\n"
        '"Fly" on a wall\tFood & Beverage\tBasic\t\n'
        '"Stop"\tArts\tBasic\tsaid "so"\n',
        encoding="utf-8",
    )
    Path("DrawBench.csv").write_text(
        'Prompts,Category\n"A red car, seen from above.",Colors\nA pear.,Conflicting\n',
        encoding="utf-8",
    )

    parti, _ = take("parti", "PartiPrompts.tsv")
    drawn, _ = take("drawbench", "DrawBench.csv")

    assert [p.text for p in parti] == ["bond", '"Fly" on a wall', '"Stop"']
    assert [p.type for p in parti] == ["Abstract", "Food & Beverage", "Arts"]
    assert parti[0].metadata == {"Challenge": "Basic", "Note": "Biology-inspired concepts"}
    assert [(p.text, p.type) for p in drawn] == [
        ("A red car, seen from above.", "Colors"),
        ("A pear.", "Conflicting"),
    ]


def test_t2i_compbenchs_unseen_prompts_are_held_out(take: Any) -> None:
    Path("color_val_seen.txt").write_text("a red cup and a blue hat\n", encoding="utf-8")
    Path("color_val_unseen.txt").write_text("a green cup and a pink hat\n", encoding="utf-8")
    Path("color_val.txt").write_text("a white cup and a black hat\n", encoding="utf-8")
    Path("complex_val_spatialaction.txt").write_text(
        "The cat lay next to the soft grey blanket.\n", encoding="utf-8"
    )

    prompts, _ = take(
        "compbench",
        "color_val_seen.txt",
        "color_val_unseen.txt",
        "color_val.txt",
        "complex_val_spatialaction.txt",
    )

    assert [prompt.split for prompt in prompts] == ["seen", "held_out", None, None]
    assert [prompt.type for prompt in prompts] == ["color", "color", "color", "complex"]
    assert len(prompts[1].constituents) == 4


def test_a_bad_row_of_geneval_2_is_named_with_its_line_and_field(refuse: Any) -> None:
    write_geneval2()
    path = Path("geneval2_data.jsonl")
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(first)
    row["vqa_list"][2] = ["Are there any bicycles in the image?"]
    path.write_text("\n".join([*rest, json.dumps(row)]) + "\n", encoding="utf-8")

    assert "line 3: vqa_list.2: List should have at least 2 items" in refuse("geneval2", str(path))
