"""`python -m tidegate.cli.reference`: docs/cli.md, the reference page of the command line, made from it."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, get_args, get_type_hints

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from tidegate.cli import main
from tidegate.cli.generated import commands_for

HEAD: Final = """# The command line

Made from the program by `python -m tidegate.cli.reference write docs/cli.md`; a check holds it to the code.

`--help` after any command says the same. Everything that prints data prints it as one JSON document with `--json`, on standard
output; what is for people alone, such as counts and progress, goes to standard error. An error is one line, with advice.

Commands that ask a running service take `--url` and `--token`, or TIDEGATE_URL and TIDEGATE_TOKEN from the environment. They go
there directly, never through a proxy, and follow no redirect.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | a check or run failed, or a worker refused a command |
| 2 | the command line, settings or a file cannot be used, or the service refuses the request: no such thing, no access |
| 3 | something beside us failed: the service, Kafka, the disk |
| 130 | Ctrl-C |

Where a command means something of its own by a code, it says so below.

## Completion

`tidegate --install-completion` adds completion to your shell (bash, zsh, fish); `tidegate --show-completion` prints it instead.
"""


def reference_page() -> str:
    """The whole page: the tree of commands, then each with its options."""
    root = get_command(main.app)
    commands = list(_walk("tidegate", root))
    tree = [f"- [`{name}`](#{_anchor(name)}) {_first_line(command)}" for name, command in commands]
    sections = [_section(name, command) for name, command in commands]
    return "\n".join([HEAD, "## Commands", "", *tree, "", *sections]).rstrip() + "\n"


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that is not hidden, in the order of the program."""
    if not isinstance(command, TyperGroup):
        yield name, command
        return
    context = command.context_class(command)
    for each in command.list_commands(context):
        child = command.get_command(context, each)
        if child is not None and not child.hidden:
            yield from _walk(f"{name} {each}", child)


def _section(name: str, command: Any) -> str:
    parts = [f"## {name}", "", *_paragraphs(command.help), ""]
    usage = " ".join([name, *(_shown(each) for each in command.params if isinstance(each, TyperArgument)), "[OPTIONS]"])
    parts += ["```", usage, "```", ""]
    choices = _choices(command)
    options = [each for each in command.params if isinstance(each, TyperOption) and not each.hidden]
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    if options or arguments:
        parts += ["| option | what it says |", "|---|---|"]
        parts += [f"| `{_shown(each)}` | {_cell(getattr(each, 'help', None) or '')} |" for each in arguments]
        parts += [
            f"| {_names(each)} | {_cell(each.help or '')}{_default(each, choices.get(each.name or '', ()))} |" for each in options
        ]
        parts.append("")
    return "\n".join([*parts, *_paragraphs(command.epilog), ""])


def _shown(argument: TyperArgument) -> str:
    name = (argument.metavar or argument.name or "").upper()
    name = f"{name}..." if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _choices(command: Any) -> dict[str, list[str]]:
    """What may be chosen for each parameter that is a choice, by the types of the function behind the command."""
    found = {}
    for name, hint in get_type_hints(command.callback).items():
        for each in (hint, *get_args(hint)):
            if isinstance(each, type) and issubclass(each, Enum):
                found[name] = [str(member.value) for member in each]
    return found


def _names(option: TyperOption) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"`{names}`"


def _default(option: TyperOption, choices: Sequence[str]) -> str:
    said = []
    if choices:
        said.append(f"One of {', '.join(choices)}.")
    default: Any = option.default
    if default not in (None, False, True, "", ()) and not callable(default) and option.show_default is not False:
        said.append(f"Default `{getattr(default, 'value', default)}`.")
    if option.envvar:
        said.append(f"Also from {option.envvar}.")
    return "".join(f" {each}" for each in said)


def _paragraphs(text: str | None) -> Iterator[str]:
    """Help text as Markdown: commands in it become code blocks."""
    for paragraph in (text or "").replace("\f", "\n").replace("\b", "").strip().split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines() if line.strip()]
        if not lines:
            continue
        if lines[0].startswith(("tidegate ", "TIDEGATE_")):
            yield from ("```text", *lines, "```", "")
        else:
            yield from (" ".join(lines), "")


def _first_line(command: Any) -> str:
    return _cell((command.help or "").strip().split("\n\n")[0])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


app = commands_for(reference_page, "the reference page of the command line", "docs/cli.md", "python -m tidegate.cli.reference")

if __name__ == "__main__":
    app()
