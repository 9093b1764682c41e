"""The template language: from a grammar's text to its nodes.

A grammar file holds one definition a line; a line that starts with a space goes on with the one
before it, and ``#`` starts a comment. In BNF::

    definition ::= use | words | rule | type
    use        ::= "use" NAME                                a vocabulary that ships, or a TOML file
    words      ::= NAME [ "(" ROLE ")" ] "=" phrase { "|" phrase }
    rule       ::= NAME [ parameters ] ":=" body
    type       ::= NAME ":" body                             a prompt type
    parameters ::= "(" NAME { "," NAME } ")"
    body       ::= sequence { "|" sequence }
    sequence   ::= { WORD | "," | "[" body "]" | "(" body ")" | slot | call }
    slot       ::= "{" SLOT [ ":" NAME ] [ parameters ] "}"  its vocabulary and its entities
    call       ::= "<" NAME [ parameters ] ">"
    ROLE       ::= "noun" | "attribute" | "count" | "relation"

``[...]`` may be left out, ``(... | ...)`` is one of several. The vocabulary of a slot is the last
part of its name where none is given (``{object_1.colour}``), and its entity the part before the
dot; a slot without a dot names its entities (``{relation(object_1, object_2)}``). ``a`` before a
slot becomes ``an`` where the next word asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prompts.errors import GrammarError
from prompts.structure import slot_fault

ROLES = ("noun", "attribute", "count", "relation")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[\w.'’/-]+)|(?P<mark>:=|[][(){}<>|:,=]))",  # noqa: RUF001
)
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_REPAIRS = ("]", ")", "}", ">", "|", ",", ":", "=", "[", "(", "{", "<")


@dataclass(frozen=True)
class Place:
    """Where in a file something stands."""

    line: int
    """Counted from 1."""
    column: int
    """Counted from 0."""
    source: str
    """The line itself."""


@dataclass(frozen=True)
class Word:
    """A word that stands in the text as it is."""

    text: str


@dataclass(frozen=True)
class Slot:
    """A place that a vocabulary's words fill."""

    name: str
    kind: str
    entities: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Call:
    """A rule, put in its place with entities for its parameters."""

    name: str
    arguments: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Choice:
    """One of several sequences."""

    options: tuple[tuple[Node, ...], ...]


Node = Word | Slot | Call | Choice


@dataclass(frozen=True)
class Use:
    """A vocabulary file that is taken in."""

    name: str
    place: Place


@dataclass(frozen=True)
class Words:
    """A vocabulary written in the grammar itself."""

    name: str
    role: str
    values: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Rule:
    """A named piece of text with parameters for its entities."""

    name: str
    parameters: tuple[str, ...]
    body: Choice
    place: Place


@dataclass(frozen=True)
class Type:
    """A prompt type."""

    name: str
    body: Choice
    place: Place


Definition = Use | Words | Rule | Type


@dataclass(frozen=True)
class Syntax:
    """A grammar file, parsed."""

    source: str
    """What it is called in messages."""
    definitions: tuple[Definition, ...]


def parse(text: str, *, source: str = "grammar") -> Syntax:
    """Parse a grammar's text.

    Raises `GrammarError` naming the line, with a caret and the nearest form that parses.
    """
    definitions = []
    for line in _logical_lines(text):
        try:
            definitions.append(_Line(line).definition())
        except _Fault as fault:
            place = line.place(fault.at)
            raise GrammarError(
                f"grammar {source}, line {place.line}: {fault.sentence}",
                source=place.source,
                column=place.column,
                near=fault.near or _nearest(line, fault.at) or "",
            ) from None
    if not any(isinstance(each, Type) for each in definitions):
        raise GrammarError(
            f"grammar {source} has no prompt type; write one as `scene: a {{object_1.object}}`"
        )
    return Syntax(source, tuple(definitions))


class _Fault(Exception):
    def __init__(self, at: int, sentence: str, *, near: str = "") -> None:
        self.at = at
        self.sentence = sentence
        self.near = near
        """A form that parses, where the parser knows what was meant."""


@dataclass(frozen=True)
class _Logical:
    """A definition with the lines that go on with it, joined by line breaks."""

    text: str
    first: int

    def place(self, at: int) -> Place:
        at = min(at, len(self.text))
        before = self.text[:at]
        number = before.count("\n")
        start = before.rfind("\n") + 1
        return Place(self.first + number, at - start, self.text.split("\n")[number])


def _logical_lines(text: str) -> Iterator[_Logical]:
    lines: list[str] = []
    first = 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.split("#", 1)[0].rstrip()
        if line[:1].isspace() and lines:
            lines.append(line)
            continue
        if lines:
            yield _Logical("\n".join(lines), first)
        lines, first = ([line], number) if line else ([], number)
    if lines:
        yield _Logical("\n".join(lines), first)


@dataclass(frozen=True)
class _Token:
    text: str
    at: int
    is_mark: bool


class _Line:
    """A recursive-descent parser of one definition."""

    def __init__(self, line: _Logical) -> None:
        self.line = line
        self.tokens = list(_tokens(line.text))
        self.next = 0

    def definition(self) -> Definition:
        place = self.line.place(0)
        name = self.name("a name of a vocabulary, rule or prompt type")
        if name == "use" and not self.peek_mark():
            return self._use(place)
        parameters = self.parameters() if self.is_mark("(") else ()
        mark = self.take()
        if mark.text == "=" and mark.is_mark:
            return self._words(name, parameters, place)
        if mark.text == ":=":
            return Rule(name, parameters, self.whole_body(), place)
        if mark.text == ":" and mark.is_mark:
            if parameters:
                raise _Fault(mark.at, "a prompt type takes no parameters; a rule is written `:=`")
            return Type(name, self.whole_body(), place)
        raise _Fault(mark.at, f"expected `=`, `:=` or `:` after {name!r}, found {_shown(mark)}")

    def _use(self, place: Place) -> Use:
        start = self.tokens[self.next].at
        return Use(self.line.text[start:].strip(), place)

    def _words(self, name: str, role: tuple[str, ...], place: Place) -> Words:
        if len(role) > 1 or (role and role[0] not in ROLES):
            rest = self.line.text.partition("=")[2].strip()
            raise _Fault(
                self.tokens[2].at,
                f"the role of {name!r} should be one of {', '.join(ROLES)}",
                near=f"{name} ({ROLES[0]}) = {rest}",
            )
        values: list[str] = []
        words: list[str] = []
        while True:
            token = self.take()
            if token.is_mark or not token.text:
                if token.text not in ("|", ""):
                    raise _Fault(token.at, f"expected a word or `|`, found {_shown(token)}")
                if not words:
                    raise _Fault(token.at, f"vocabulary {name!r} has an empty value; write a word")
                values.append(" ".join(words))
                words = []
                if not token.text:
                    return Words(name, role[0] if role else "attribute", tuple(values), place)
            else:
                words.append(token.text)

    def whole_body(self) -> Choice:
        body = self.body()
        token = self.take()
        if token.text:
            raise _Fault(token.at, f"{_shown(token)} closes nothing")
        return body

    def body(self) -> Choice:
        options = [self.sequence()]
        while self.is_mark("|"):
            self.take()
            options.append(self.sequence())
        return Choice(tuple(options))

    def sequence(self) -> tuple[Node, ...]:
        items: list[Node] = []
        while True:
            token = self.peek()
            if not token.text or (token.is_mark and token.text in "|])}>"):
                return tuple(items)
            items.append(self.item())

    def item(self) -> Node:
        token = self.take()
        if not token.is_mark or token.text == ",":
            return Word(token.text)
        if token.text == "[":
            body = self.body()
            self.close("]", token)
            return Choice((*body.options, ()))
        if token.text == "(":
            body = self.body()
            self.close(")", token)
            return body
        if token.text == "{":
            return self._slot(token)
        if token.text == "<":
            name = self.name("a rule's name")
            arguments = self.parameters() if self.is_mark("(") else ()
            self.close(">", token)
            return Call(name, arguments, self.line.place(token.at))
        raise _Fault(token.at, f"expected a word, slot or rule, found {_shown(token)}")

    def _slot(self, opening: _Token) -> Slot:
        name = self.name("a slot's name")
        kind = name.rsplit(".", 1)[-1]
        if self.is_mark(":"):
            self.take()
            kind = self.name("a vocabulary's name")
        entities = self.parameters() if self.is_mark("(") else ()
        if not entities:
            if "." not in name:
                text, at = self.line.text, opening.at + 1
                raise _Fault(
                    opening.at,
                    f"slot {name!r} names no entity; write {{object_1.{name}}}, or "
                    f"{{{name}(object_1, object_2)}} for a relation",
                    near=f"{text[:at]}object_1.{text[at:]}",
                )
            entities = (name.split(".", 1)[0],)
        fault = slot_fault(name)
        if fault:
            raise _Fault(opening.at, fault)
        self.close("}", opening)
        return Slot(name, kind, entities, self.line.place(opening.at))

    def parameters(self) -> tuple[str, ...]:
        opening = self.take()
        names = [self.name("a name")]
        while self.is_mark(","):
            self.take()
            names.append(self.name("a name"))
        self.close(")", opening)
        return tuple(names)

    def close(self, mark: str, opening: _Token) -> None:
        token = self.take()
        if token.text != mark or not token.is_mark:
            raise _Fault(
                token.at, f"expected `{mark}` to close `{opening.text}`, found {_shown(token)}"
            )

    def name(self, what: str) -> str:
        token = self.take()
        if token.is_mark or not _NAME.match(token.text):
            raise _Fault(token.at, f"expected {what}, found {_shown(token)}")
        return token.text

    def peek(self) -> _Token:
        if self.next < len(self.tokens):
            return self.tokens[self.next]
        return _Token("", len(self.line.text), False)

    def peek_mark(self) -> bool:
        return self.peek().is_mark or not self.peek().text

    def is_mark(self, mark: str) -> bool:
        token = self.peek()
        return token.is_mark and token.text == mark

    def take(self) -> _Token:
        token = self.peek()
        self.next += 1
        return token


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            bad = at + len(text[at:]) - len(text[at:].lstrip())
            raise _Fault(bad, f"{text[bad]!r} is no part of the language; write words and marks")
        group = "name" if match["name"] else "mark"
        yield _Token(match[group], match.start(group), group == "mark")
        at = match.end()


def _shown(token: _Token) -> str:
    return repr(token.text) if token.text else "the end of the line"


def _nearest(line: _Logical, at: int) -> str | None:
    """The line with the fewest changed characters near `at` that parses, or None."""
    for text in _repairs(line.text, min(at, len(line.text))):
        if _parses(_Logical(text, line.first)):
            return " ".join(text.split())
    return None


def _repairs(text: str, at: int) -> Iterator[str]:
    """One mark put in, taken out or exchanged, from the fault outwards."""
    near = sorted(range(len(text) + 1), key=lambda position: abs(position - at))
    edits: list[Callable[[int], list[str]]] = [
        lambda i: [text[:i] + mark + text[i:] for mark in _REPAIRS],
        lambda i: [text[:i] + text[i + 1 :]] if text[i : i + 1] and not text[i].isalnum() else [],
        lambda i: (
            [text[:i] + mark + text[i + 1 :] for mark in _REPAIRS]
            if text[i : i + 1] and not text[i].isalnum()
            else []
        ),
    ]
    for position in near:
        for edit in edits:
            yield from edit(position)
    # Nothing near helps: keep what stands before the fault, and leave out single words.
    yield text[:at].rstrip()
    words = text.split(" ")
    for index in range(len(words)):
        yield " ".join(words[:index] + words[index + 1 :])


def _parses(line: _Logical) -> bool:
    try:
        _Line(line).definition()
    except _Fault:
        return False
    return True
