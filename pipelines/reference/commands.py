"""Every command with its arguments and options, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from pipelines.cli import app
from pipelines.reference.readme import exit_codes


def page() -> str:
    """The page about every command and the exit codes."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# 命令 Commands"
    yield ""
    yield "由 `make docs` 从程序生成 generated. `kaohe` 即 is `.venv/bin/kaohe`；`kaohe <命令> --help` 同样可查。"
    yield "出错时加 `--debug` 可见调用栈；错误与进度写到 stderr，结果写到 stdout。"
    yield ""
    yield "`kaohe <command> --help` tells the same. Results go to stdout, progress and errors to stderr. Any command"
    yield "takes `--debug`, which shows where a fault came from."
    yield ""
    yield "| 命令 command | 用途 what for |\n|---|---|"
    found = list(_commands(get_command(app), "kaohe"))
    for name, command, _ in found:
        yield f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(command.help)} |"
    for name, command, context in found:
        yield f"\n## {name}\n\n{' '.join(command.help.split())}\n"
        yield f"```sh\n{name} {' '.join(command.collect_usage_pieces(context))}\n```"
        told = [record for each in command.get_params(context) if (record := each.get_help_record(context))]
        rows = [f"| `{_cell(what)}` | {_cell(meaning)} |" for what, meaning in told if what != "--help"]
        if rows:
            yield "\n| 参数、选项 argument, option | 含义 meaning |\n|---|---|"
            yield from rows
    yield "\n## 退出码 Exit codes\n"
    yield from exit_codes("zh", "en")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Every command below ``command`` that does something, with its full name and its context."""
    if hasattr(command, "commands"):
        for each in command.commands.values():
            yield from _commands(each, f"{name} {each.name}")
    else:
        yield name, command, command.make_context(name, [], resilient_parsing=True)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
