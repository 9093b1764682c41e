"""Loading a shipped grammar by name, or a grammar file by path."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from prompts.errors import GrammarError
from prompts.grammar.ambiguity import check_unambiguous
from prompts.grammar.bans import AllowedPairs
from prompts.grammar.compile import compile_template
from prompts.grammar.expand import Expanded, expand
from prompts.grammar.nodes import UseDefinition
from prompts.grammar.parse import parse
from prompts.grammar.template import Template
from prompts.vocabulary import Vocabulary, vocabulary_path

SHIPPED = Path(__file__).parent.parent / "grammars"
ENDING = ".grammar"


@dataclass(frozen=True, eq=False)
class Grammar:
    """A compiled grammar."""

    name: str
    sha256: str
    """Hash of the grammar's text."""
    expanded: Expanded
    types: Mapping[str, tuple[Template, ...]]
    """The templates of each prompt type."""

    @property
    def vocabularies(self) -> Mapping[str, Vocabulary]:
        """The vocabularies that the templates use, by kind."""
        kinds = {
            slot.kind: slot.vocabulary
            for templates in self.types.values()
            for template in templates
            for slot in template.slots
        }
        return dict(sorted(kinds.items()))

    def controlled(self, vocabularies: Mapping[str, Vocabulary], allowed: AllowedPairs) -> Grammar:
        """The same grammar with other vocabularies, or with only `allowed` pairs of values."""
        expanded = replace(self.expanded, vocabularies=vocabularies)
        return replace(self, expanded=expanded, types=_compile(expanded, allowed))


def list_grammars() -> tuple[str, ...]:
    """The names of the shipped grammars, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob(f"*{ENDING}")))


def load_grammar(source: str) -> Grammar:
    """Load a shipped grammar by name, or a grammar file by path.

    Raises `GrammarError` with the file and line.
    """
    path, text = _read(source)
    return make_grammar(text, name=path.stem, source=path.name, folder=path.parent)


def grammar_files(source: str) -> tuple[Path, ...]:
    """The files of a grammar and of the vocabularies that it uses.

    Raises `GrammarError` as `load_grammar` does.
    """
    path, text = _read(source)
    used = [
        vocabulary_path(each.name, folder=path.parent)
        for each in parse(text, source=path.name).definitions
        if isinstance(each, UseDefinition)
    ]
    return path, *used


def _read(source: str) -> tuple[Path, str]:
    path = SHIPPED / f"{source}{ENDING}" if source in list_grammars() else Path(source)
    try:
        return path, path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise GrammarError(f"grammar {path} is not UTF-8 text; save it as plain text") from None
    except OSError as error:
        near = difflib.get_close_matches(source, list_grammars(), cutoff=0.4)
        hint = f"did you mean {' or '.join(near or list_grammars())}?"
        raise GrammarError(
            f"grammar {source!r} is not a shipped grammar, and cannot be read as a file "
            f"({error.strerror}); {hint}"
        ) from None


def make_grammar(
    text: str, *, name: str = "grammar", source: str = "", folder: Path | None = None
) -> Grammar:
    """Compile a grammar from its text.

    Raises `GrammarError` with the line.
    """
    if not text.strip():
        raise GrammarError(
            f"grammar {source or name} is empty; write a prompt type, e.g. "
            "`scene: a {object_1.object}` after `use core`"
        )
    expanded = expand(parse(text, source=source or name), folder=folder)
    types = _compile(expanded, {})
    check_unambiguous(source or name, types)
    return Grammar(name, hashlib.sha256(text.encode()).hexdigest(), expanded, types)


def _compile(expanded: Expanded, allowed: AllowedPairs) -> dict[str, tuple[Template, ...]]:
    return {
        each.name: tuple(
            compile_template(each.name, flat, expanded.vocabularies, allowed=allowed)
            for flat in each.templates
        )
        for each in expanded.types
    }
