"""YAML as plain values plus the line of every value, so that an error can point at it. Knows PyYAML and nothing of profiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

MAX_VALUES: Final = 100_000
"""Values in one document, aliases counted each time they are used: a few lines of nested aliases can mean billions."""

YamlPath = tuple[str, ...]
"""Keys and list positions from the top of a document to a value."""


class YamlError(ValueError):
    """Not YAML, or YAML we do not take. `line` counts from 1; 0 where it is not known."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Document:
    """One YAML document: its value and the line (from 1) of each value in it by path."""

    value: Any
    lines: dict[YamlPath, int]


def read_documents(text: str) -> list[Document]:
    """Every document of `text` that is not empty.

    Raises:
        YamlError: not YAML, a key twice in one mapping, a value that contains itself, or more than `MAX_VALUES` values.
    """
    try:
        return [document for document in _documents(text) if document.value is not None]
    except yaml.MarkedYAMLError as error:
        raise YamlError(str(error.problem or error), error.problem_mark.line + 1 if error.problem_mark else 0) from error
    except yaml.YAMLError as error:
        raise YamlError(str(error), 0) from error
    except RecursionError as error:
        raise YamlError("nested too deeply", 0) from error


def _documents(text: str) -> Iterator[Document]:
    loader = yaml.SafeLoader(text)
    while loader.check_node():
        walk = _Walk(loader)
        if (node := loader.get_node()) is not None:
            yield Document(walk.value(node, ()), walk.lines)


class _Walk:
    """Builds the value of a node tree and notes lines on the way; used for one document."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.lines: dict[YamlPath, int] = {}
        self._loader = loader
        self._open: set[int] = set()
        self._merged: set[int] = set()

    def value(self, node: yaml.Node, path: YamlPath) -> Any:
        line = node.start_mark.line + 1
        self.lines[path] = line
        if id(node) in self._open:
            raise YamlError("a value contains itself", line)
        if len(self.lines) > MAX_VALUES:
            raise YamlError(f"more than {MAX_VALUES} values", line)
        self._open.add(id(node))
        built = self._build(node, path)
        self._open.discard(id(node))
        return built

    def _build(self, node: yaml.Node, path: YamlPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            self._merge(node)
            return {self._key(key): self.value(value, (*path, self._key(key))) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, str(position))) for position, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _merge(self, node: yaml.MappingNode) -> None:
        """Resolve `<<` once per node; before that, no key may be there twice (merged ones may be overridden)."""
        if id(node) in self._merged:
            return
        self._merged.add(id(node))
        seen: set[str] = set()
        for key, _ in node.value:
            name = self._key(key)
            if name in seen:
                raise YamlError(f"key {name!r} is there twice", key.start_mark.line + 1)
            seen.add(name)
        self._loader.flatten_mapping(node)

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise YamlError("a key is a list or mapping, expected text", node.start_mark.line + 1)
        return str(node.value)
