"""The parser of the template language: from a grammar's text to its syntax tree.

A grammar file holds one definition per line. A line that starts with a space continues the
previous one, and ``#`` starts a comment. In BNF::

    definition ::= use | words | rule | type
    use        ::= "use" NAME                                a shipped vocabulary, or a TOML file
    words      ::= NAME [ "(" ROLE ")" ] "=" phrase { "|" phrase }
    rule       ::= NAME [ parameters ] ":=" body
    type       ::= NAME ":" body                             a prompt type
    parameters ::= "(" NAME { "," NAME } ")"
    body       ::= sequence { "|" sequence }
    sequence   ::= { WORD | "," | "[" body "]" | "(" body ")" | slot | call }
    slot       ::= "{" SLOT [ ":" NAME ] [ parameters ] "}"  its vocabulary and its entities
    call       ::= "<" NAME [ parameters ] ">"
    ROLE       ::= "noun" | "attribute" | "count" | "relation"

``[...]`` is optional, and ``(... | ...)`` stands for one of its alternatives. If a slot names no
vocabulary, the last part of its name is used (``{object_1.colour}``), and the part before the dot
is its entity. A slot without a dot has to name its entities (``{relation(object_1, object_2)}``).
``a`` before a slot becomes ``an`` where the next word requires it.
"""

from __future__ import annotations

import re
from functools import partial

from prompts.errors import GrammarError
from prompts.grammar.nodes import (
    ROLES,
    Choice,
    Definition,
    Node,
    RuleCall,
    RuleDefinition,
    Slot,
    SourceLocation,
    Syntax,
    TypeDefinition,
    UseDefinition,
    VocabularyDefinition,
    Word,
)
from prompts.grammar.repair import nearest_form
from prompts.grammar.tokens import (
    GrammarToken,
    LogicalLine,
    SyntaxFault,
    logical_lines,
    tokens_of,
)
from prompts.structure import slot_fault

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")


def parse(text: str, *, source: str = "grammar") -> Syntax:
    """Parse a grammar's text.

    Raises `GrammarError` naming the line, with a caret and the nearest form that parses.
    """
    definitions = []
    for line in logical_lines(text):
        try:
            definitions.append(_DefinitionParser(line).definition())
        except SyntaxFault as fault:
            location = line.location(fault.at)
            raise GrammarError(
                f"grammar {source}, line {location.line}: {fault.sentence}",
                source=location.source,
                column=location.column,
                near=fault.near
                or nearest_form(line.text, fault.at, parses=partial(_parses, first=line.first))
                or "",
            ) from None
    if not any(isinstance(each, TypeDefinition) for each in definitions):
        raise GrammarError(
            f"grammar {source} has no prompt type; write one as `scene: a {{object_1.object}}`"
        )
    return Syntax(source, tuple(definitions))


class _DefinitionParser:
    """A recursive-descent parser of one definition."""

    def __init__(self, line: LogicalLine) -> None:
        self.line = line
        self.tokens = list(tokens_of(line.text))
        self.next = 0

    def definition(self) -> Definition:
        location = self.line.location(0)
        name = self.name("the name of a vocabulary, rule or prompt type")
        if name == "use" and not self.peek_mark():
            return self._use(location)
        parameters = self.parameters() if self.is_mark("(") else ()
        mark = self.take()
        if mark.text == "=" and mark.is_mark:
            return self._words(name, parameters, location)
        if mark.text == ":=":
            return RuleDefinition(name, parameters, self.whole_body(), location)
        if mark.text == ":" and mark.is_mark:
            if parameters:
                raise SyntaxFault(
                    mark.at, "a prompt type takes no parameters; write a rule with `:=`"
                )
            return TypeDefinition(name, self.whole_body(), location)
        raise SyntaxFault(
            mark.at, f"expected `=`, `:=` or `:` after {name!r}, found {_shown(mark)}"
        )

    def _use(self, location: SourceLocation) -> UseDefinition:
        start = self.tokens[self.next].at
        return UseDefinition(self.line.text[start:].strip(), location)

    def _words(
        self, name: str, role: tuple[str, ...], location: SourceLocation
    ) -> VocabularyDefinition:
        if len(role) > 1 or (role and role[0] not in ROLES):
            rest = self.line.text.partition("=")[2].strip()
            raise SyntaxFault(
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
                    raise SyntaxFault(token.at, f"expected a word or `|`, found {_shown(token)}")
                if not words:
                    raise SyntaxFault(
                        token.at, f"vocabulary {name!r} has an empty value; write a word"
                    )
                values.append(" ".join(words))
                words = []
                if not token.text:
                    own_role = role[0] if role else "attribute"
                    return VocabularyDefinition(name, own_role, tuple(values), location)
            else:
                words.append(token.text)

    def whole_body(self) -> Choice:
        body = self.body()
        token = self.take()
        if token.text:
            raise SyntaxFault(token.at, f"{_shown(token)} closes no bracket")
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
            name = self.name("the name of a rule")
            arguments = self.parameters() if self.is_mark("(") else ()
            self.close(">", token)
            return RuleCall(name, arguments, self.line.location(token.at))
        raise SyntaxFault(token.at, f"expected a word, slot or rule, found {_shown(token)}")

    def _slot(self, opening: GrammarToken) -> Slot:
        name = self.name("the name of a slot")
        kind = name.rsplit(".", 1)[-1]
        if self.is_mark(":"):
            self.take()
            kind = self.name("the name of a vocabulary")
        entities = self.parameters() if self.is_mark("(") else ()
        if not entities:
            if "." not in name:
                text, at = self.line.text, opening.at + 1
                raise SyntaxFault(
                    opening.at,
                    f"slot {name!r} names no entity; write {{object_1.{name}}}, or "
                    f"{{{name}(object_1, object_2)}} for a relation",
                    near=f"{text[:at]}object_1.{text[at:]}",
                )
            entities = (name.split(".", 1)[0],)
        fault = slot_fault(name)
        if fault:
            raise SyntaxFault(opening.at, fault)
        self.close("}", opening)
        return Slot(name, kind, entities, self.line.location(opening.at))

    def parameters(self) -> tuple[str, ...]:
        opening = self.take()
        names = [self.name("a name")]
        while self.is_mark(","):
            self.take()
            names.append(self.name("a name"))
        self.close(")", opening)
        return tuple(names)

    def close(self, mark: str, opening: GrammarToken) -> None:
        token = self.take()
        if token.text != mark or not token.is_mark:
            raise SyntaxFault(
                token.at, f"expected `{mark}` to close `{opening.text}`, found {_shown(token)}"
            )

    def name(self, what: str) -> str:
        token = self.take()
        if token.is_mark or not _NAME.match(token.text):
            raise SyntaxFault(token.at, f"expected {what}, found {_shown(token)}")
        return token.text

    def peek(self) -> GrammarToken:
        if self.next < len(self.tokens):
            return self.tokens[self.next]
        return GrammarToken("", len(self.line.text), False)

    def peek_mark(self) -> bool:
        return self.peek().is_mark or not self.peek().text

    def is_mark(self, mark: str) -> bool:
        token = self.peek()
        return token.is_mark and token.text == mark

    def take(self) -> GrammarToken:
        token = self.peek()
        self.next += 1
        return token


def _shown(token: GrammarToken) -> str:
    return repr(token.text) if token.text else "the end of the line"


def _parses(text: str, *, first: int) -> bool:
    try:
        _DefinitionParser(LogicalLine(text, first)).definition()
    except SyntaxFault:
        return False
    return True
