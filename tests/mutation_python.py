"""Breaks the Python that the rubric and reading rest on, one place at a time, and tells which breaks no test notices.

    .venv/bin/python tests/mutation_python.py                       every module below: many hours
    .venv/bin/python tests/mutation_python.py ingest/values.py      one of them
    .venv/bin/python tests/mutation_python.py --every 10            one break in ten: a sample

A break changes one place of a module: a comparison, sign, constant or default, AND for OR; or a condition, branch,
statement, step or returned value is left out; in the SQL that a module writes, the like. What is only told to people,
and the types of arguments, are left as they are. Each is tried in a copy of the project of its own, so that processes
which the tests begin meet it too, by the tests that reach its line, the quickest first. Breaks that change no result
stand in ``EQUAL`` with the reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from breaking import TOGETHER, Break, refuse_reasons_for_nothing, try_all

ROOT = Path(__file__).parents[1]
#: What is heavy and of others: loaded once, so that a process that tries a break begins at once.
FOREIGN = (
    "duckdb", "great_expectations", "hypothesis", "jsonschema", "openpyxl", "pandas", "pyarrow", "pydantic",
    "python_calamine", "rich.console", "ruamel.yaml", "sqlalchemy", "sqlglot", "typer.testing",
)  # fmt: skip
#: The tests that have to notice, by the folder of the module.
TESTS = {
    "rubric": (
        "tests/test_rubric.py", "tests/test_documents.py", "tests/test_records.py", "tests/test_editions.py",
        "tests/test_stability.py",
    ),
    "ingest": (
        "tests/test_values.py", "tests/test_ingest.py", "tests/hostile/test_cell_values.py",
        "tests/hostile/test_columns.py", "tests/hostile/test_corrections.py", "tests/hostile/test_encodings.py",
        "tests/hostile/test_privacy.py", "tests/hostile/test_resubmission.py", "tests/hostile/test_security.py",
        "tests/hostile/test_tables.py", "tests/hostile/test_towns_and_years.py", "tests/hostile/test_workbooks.py",
        "tests/test_increments.py",
    ),
}  # fmt: skip
#: Not broken: the process that reads workbooks, whose tests wait for clocks.
LEFT_OUT = {"ingest/workbook_process.py"}

#: Module → how a break of it is shown → why no result can tell it.
EQUAL: dict[str, dict[str, str]] = {
    "ingest/deliveries.py": {
        "_problem: n=1 | 1 → 2": ("the nearest name is taken of however many there are"),
    },
    "ingest/identity.py": {
        '_make_key: with os.fdopen(descriptor, "w") as stream: stream.write(secr … sh() o'
        "s.fsync(descriptor) | stream.flush() → left out": (
            "what is not flushed is written as the file is closed; only a power cut tells"
        ),
    },
    "ingest/sheets.py": {
        'in_utf8: if encoding.startswith("utf-8"): yield path return | encoding.startswith("utf-8") → '
        "encoding.endswith('utf-8')": "a text that begins with a mark is copied then, and is the same text",
    },
    "ingest/tables.py": {
        ": 1 << 17 | 1 → 2": ("which of two readers that read alike reads a file hangs on it, and nothing else"),
        "Tables.add_sheet: number = 0 | 0 → 1": ("a sheet that has a header has a row"),
        "Tables.add_text: if lines is None: return False | return False → return None": (
            "whoever asks takes nothing for False"
        ),
        "Tables.add_parquet: reader if reader and self._is_written_alike(table) else None | reader and "
        "self._is_written_alike(table) → self._is_written_alike(table)": "where there is no reader, none is left out",
        "_holds_text: f\"(({text} >= '!' AND {text} < chr(127)) OR {text} >= '\\u300 … ({text}, '[{_WHITE}]*'))\" → "
        "f\"(({text}[ > ]'!' AND {text} < chr(127)": "what is not seen at once is looked at closely, to the same end",
        "Tables._wait: if len(self._waiting[source]) >= _BATCH: self._write(source) → if "
        "len(self._waiting[source]) >= _BATCH: False": (
            "rows written later are the same rows; the pieces only bound memory"
        ),
    },
    "ingest/values.py": {
        ": range(0x2E80, 0x2FE0) | 0x2E80 → 11905": "the first of these radicals stands for no character",
        "reports_nothing: f\"({is_other}) OR ({column} >= '一' AND {column} < '\\ua000')\" → "
        "({is_other}) OR ({column}[ > ]'一' AND {column} < '\\ua00": (
            "what is not seen at once is looked at closely, with the same outcome"
        ),
    },
    "ingest/workbook.py": {
        ": 1 << 20 | 20 → 21": "how much is read at a time",
        "_sheet: sum(min(area.bottom + 1, height) - area.top for area in areas) > _MERGED_ROWS → "
        "sum((min(area.bottom + 1, height) - area.top for area in areas)) >= _MERGED_ROWS": "two million to the row",
        "_sheet: default=-1 | -1 → 1": ("where no cells are merged, rows are looked through for nothing"),
        "_rows: if size > LARGEST: raise _too_large() | size > LARGEST → size >= LARGEST": (
            "a gigabyte to the byte, or one byte less"
        ),
        '_column: address.rstrip("0123456789") | "0123456789" → \'0123456789~\'': (
            "no address ends in a character that is no digit"
        ),
    },
    "rubric/laws.py": {
        "_bands_tile: sorted(possible_values(edition, head.totals.grade_gap)) → list(possible_values(edition, "
        "head.totals.grade_gap))": "sorted, the same faults are told in the same order in every run",
        "_bands_tile: int(beyond) + 1 | 1 → 2": "one total more lies beyond every limit, as the one before it does",
    },
    "rubric/tables.py": {
        "_add_readings: sorted(interpretations_in(written)) → list(interpretations_in(written))": (
            "the rows are asked for by name; sorted, they are the same bytes in every run"
        ),
    },
}


# Breaks ---------------------------------------------------------------------------------------------------------------

OTHER: dict[type[ast.AST], tuple[type[Any], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult,),
    ast.Mod: (ast.FloorDiv,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.LShift: (ast.RShift,),
}
OTHER_NAME = {
    "any": "all", "all": "any", "min": "max", "max": "min", "startswith": "endswith", "endswith": "startswith",
    "fullmatch": "match", "match": "search", "zip_longest": "zip",
}  # fmt: skip
#: Steps on the way to a text or list that can be left out.
STEPS = {"strip", "lstrip", "rstrip", "lower", "upper", "casefold", "normalize", "removeprefix", "removesuffix"}
#: Names of encodings are taken for the same whatever stands behind them.
CODECS = {"utf-8": "latin-1", "utf-8-sig": "utf-8", "gb18030": "utf-8", "utf-16": "utf-8"}
#: What a text of SQL may say instead.
OTHER_SQL = (
    (r"(?<!\d )\bAND\b(?! \{_LAST)", "OR"),
    (r"\bOR\b(?! REPLACE)", "AND"),
    (r"\bNOT (?!NULL|MATERIALIZED|IN\b)", ""),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"(?<=[\w}]) >= (?=['\w{])", " > "),
    (r"(?<=[\w}]) <= (?=['\w{])", " < "),
    (r"(?<=[\w}]) < (?=['\w{])", " <= "),
    (r"(?<=[\w}]) > (?=['\w{])", " >= "),
    (r"(?<=[\w}]) <> (?=['\w{])", " = "),
    (r"(?<=[\w}]) = (?=['\w{?])", " <> "),
    (r"\bTRUE\b", "FALSE"),
    (r"\bFALSE\b", "TRUE"),
    (r"\bDISTINCT ", ""),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r"\btrim\(", "("),
    (r"\bupper\(", "("),
    (r"\bLEFT JOIN\b", "INNER JOIN"),
    (r"\bANTI JOIN\b", "SEMI JOIN"),
    (r"\b1 \+ ", ""),
)
SQL = re.compile(r"\b(SELECT|WHERE|CASE|WHEN|THEN|AND|OR|NOT|IS NULL|IS NOT NULL|CAST|CREATE|INSERT|UPDATE|DELETE)\b")
#: Makers of what is told to people, and names that hold it.
TELLERS = {
    "Broken",
    "Kind",
    "KaoheError",
    "Problem",
    "UnreadableError",
    "told",
    "problem_at",
    "_no_key",
    "_problem",
    "say",
}
TOLD = {"zh", "en", "told", "remedy", "reason", "mended"}
TELLING = re.compile(r"[a-z]{2,},? [a-z]+ |^an? [A-Z]|[\u4e00-\u9fff].*[\u4e00-\u9fff]")


@dataclass(frozen=True)
class BreakOfPython(Break):
    """A break of a module; ``lines`` are those that run on the way to it, None where they run as it is loaded."""

    lines: range | None = field(default=None, kw_only=True)


class _Source:
    """A module as text and tree, each place of which can be replaced."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.above: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.above[child] = node
        self._starts = [0]
        for line in text.encode().splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a place lies in, from the innermost."""
        while node := self.above.get(node):  # type: ignore[assignment]
            yield node

    def of(self, node: Any) -> str:
        """The text of a place."""
        begin, end = self._span(node)
        return self.text.encode()[begin:end].decode()

    def with_instead(self, node: Any, text: str) -> str:
        """The whole text with ``text`` in place of a place."""
        begin, end = self._span(node)
        whole = self.text.encode()
        return (whole[:begin] + text.encode() + whole[end:]).decode()

    def _span(self, node: Any) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )


def modules() -> list[str]:
    """The modules that are broken, by their path below ``pipelines``."""
    found = (f"{folder}/{path.name}" for folder in TESTS for path in sorted((ROOT / "pipelines" / folder).glob("*.py")))
    return [name for name in found if name not in LEFT_OUT]


def breaks(module: str) -> Iterator[BreakOfPython]:
    """Every break of a module, one place at a time, in the order of its text."""
    source = _Source((ROOT / "pipelines" / module).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(source.tree) if hasattr(node, "lineno")]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if _is_left_alone(source, node):
            continue
        for words, place, text in _changes(source, node):
            made = source.with_instead(place, text)
            with contextlib.suppress(SyntaxError):
                compile(made, module, "exec")
                yield BreakOfPython(module, f"{_shown(source, node)} → {words}", made, lines=_lines(source, node))


def _is_left_alone(source: _Source, node: ast.AST) -> bool:
    """Whether a place is no rule: imports, types, decorators, docstrings, what is told to people."""
    child = node
    for up in source.up(node):
        match up:
            case ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Raise():
                return True
            case ast.arg() | ast.FunctionDef() if child is getattr(up, "annotation", getattr(up, "returns", None)):
                return True
            case ast.FunctionDef() | ast.ClassDef() if child in up.decorator_list:
                return True
            case ast.AnnAssign() if child is up.annotation and not isinstance(source.above[up], ast.ClassDef):
                return True
            # What this asks is asserted, and no rule.
            case ast.keyword(arg="strict"):
                return True
            case ast.If() if isinstance(up.test, ast.Name) and up.test.id == "TYPE_CHECKING":
                return True
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                return True
        child = up
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Name(id="TYPE_CHECKING") | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        # The types of a field; what else its annotation holds is asked of values.
        case ast.BinOp(op=ast.BitOr()) if any(isinstance(up, ast.AnnAssign) for up in source.up(node)):
            return True
        case ast.Constant(value=str(text)):
            return isinstance(source.above[node], ast.Expr) or (bool(TELLING.search(text)) and _is_told(source, node))
    return False


def _is_told(source: _Source, node: ast.AST) -> bool:
    if SQL.search(source.of(node)):
        return False
    for up in source.up(node):
        match up:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in TELLERS:
                return True
            case ast.Yield() | ast.Return() | ast.Dict():
                return True
            case ast.Assign(targets=[target]):
                names = {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
                return bool(names & TOLD) or isinstance(source.above[up], ast.Module)
            case ast.Compare() | ast.BoolOp() | ast.match_case():
                return False
    return False


def _changes(source: _Source, node: Any) -> Iterator[tuple[str, Any, str]]:
    """What can be done to a place: in words, which text is replaced, and by what."""
    if isinstance(node, ast.expr):
        for made in _instead(node):
            # Within brackets, as what it stands in may bind more closely.
            with contextlib.suppress(ValueError):
                told = ast.unparse(ast.fix_missing_locations(made))
                yield _short(told), node, f"({told})"
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        text = source.of(node)
        if SQL.search(text):
            for pattern, other in OTHER_SQL:
                for found in re.finditer(pattern, text):
                    told = f"{text[max(0, found.start() - 25) : found.start()]}[{other}]{text[found.end() :][:25]}"
                    yield _short(told), node, text[: found.start()] + other + text[found.end() :]
    match node:
        case ast.Return(value=value) if value is not None and not _is_constant(value, None):
            yield "return None", value, "None"
        case ast.If(test=test) | ast.IfExp(test=test):
            yield f"if {_short(source.of(test))}: True", test, "True"
            yield f"if {_short(source.of(test))}: False", test, "False"
        case ast.While(test=test):
            yield "never", test, "False"
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            for each in node.generators:
                for condition in each.ifs:
                    yield f"without if {_short(source.of(condition))}", condition, "True"
        case ast.Continue():
            yield "break", node, "break"
        case ast.Break():
            yield "continue", node, "continue"
        case ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Raise() | ast.AugAssign():
            yield "left out", node, "pass"
        case ast.ExceptHandler(type=ast.Tuple(elts=types)):
            for each in types:
                left = [source.of(other) for other in types if other is not each]
                yield f"without {source.of(each)}", node.type, f"({', '.join(left)},)"
        case ast.Match(cases=cases):
            for number, each in enumerate(cases, start=1):
                if each.guard:
                    yield f"without case {number}", each.guard, "False"
                else:
                    yield f"without case {number}", each.pattern, f"{source.of(each.pattern)} if False"


def _instead(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[op, *others]):
            for position, each in enumerate([op, *others]):
                for kind in OTHER.get(type(each), ()):
                    made = copy.deepcopy(node)
                    made.ops[position] = kind()
                    yield made
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for each in values:
                left = [other for other in values if other is not each]
                yield ast.BoolOp(op, left) if len(left) > 1 else left[0]
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right):
            if isinstance(op, ast.Add) and any(_is_sequence(each) for each in (left, right)):
                yield left
                yield right
            else:
                for kind in OTHER.get(type(op), ()):
                    yield ast.BinOp(left, kind(), right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if value in CODECS:
            yield ast.Constant(CODECS[value])
        case ast.Constant(value=str(value)) if not SQL.search(value):
            yield ast.Constant(f"{value}~")
        case ast.Constant(value=bytes(value)):
            yield ast.Constant(value + b"~")
        case ast.Subscript(slice=ast.Slice(lower=lower, upper=upper, step=step)):
            if lower:
                yield ast.Subscript(node.value, ast.Slice(None, upper, step), ast.Load())
            if upper:
                yield ast.Subscript(node.value, ast.Slice(lower, None, step), ast.Load())
        case ast.Call(func=ast.Name(id=name)) if name in OTHER_NAME:
            yield ast.Call(ast.Name(OTHER_NAME[name], ast.Load()), node.args, node.keywords)
        case ast.Call(func=ast.Name(id="sorted")):
            yield ast.Call(ast.Name("list", ast.Load()), node.args, [])
            yield ast.Subscript(node, ast.Slice(None, None, ast.Constant(-1)), ast.Load())
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in OTHER_NAME:
            yield ast.Call(ast.Attribute(value, OTHER_NAME[name], ast.Load()), node.args, node.keywords)
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in STEPS:
            yield value


def _is_constant(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _is_sequence(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.List() | ast.Tuple() | ast.ListComp() | ast.Constant(value=str() | bytes()):
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult(), right=right):
            return _is_sequence(left) or _is_sequence(right)
        case ast.Call(func=ast.Name(id=name)):
            return name in {"list", "sorted", "tuple", "str", "say"}
        case ast.IfExp(body=body):
            return _is_sequence(body)
    return False


def _lines(source: _Source, node: Any) -> range | None:
    """The lines that have run once a place has; None for what runs, or is kept, before any test does."""
    functions = [up for up in (node, *source.up(node)) if isinstance(up, ast.FunctionDef)]
    if not functions or any("cache" in source.of(each) for up in functions for each in up.decorator_list):
        return None
    statement = next(
        up for up in (node, *source.up(node)) if isinstance(up, ast.stmt | ast.ExceptHandler | ast.match_case)
    )
    if isinstance(statement, ast.FunctionDef):
        return None if len(functions) == 1 else range(statement.lineno, statement.lineno + 1)
    if isinstance(statement, ast.match_case):
        return range(statement.pattern.lineno, statement.pattern.end_lineno + 1)
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    last = (
        min(statement.end_lineno, getattr(body[0], "lineno", statement.lineno + 1) - 1)
        if body
        else statement.end_lineno
    )
    return range(statement.lineno, max(statement.lineno, last) + 1)


def _shown(source: _Source, node: Any) -> str:
    """A place in words: the function it lies in, what it stands in where it is small, and itself."""
    named = [up.name for up in source.up(node) if isinstance(up, ast.FunctionDef | ast.ClassDef)]
    text, around = source.of(node), source.above[node]
    within = f"{_short(source.of(around))} | " if len(text) <= 40 and hasattr(around, "lineno") else ""
    return f"{'.'.join(reversed(named))}: {within}{_short(text)}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) < 90 else f"{text[:60]} … {text[-25:]}"


# Which tests reach which line -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reach:
    """What the tests do with nothing broken.

    Attributes:
        seconds: test → how long it takes by itself.
        prepared: test → what it shares with others: its module, and fixtures of more than one test.
        cost: what is shared → how long it takes to make.
        lines: module → line → tests and shared things that run it.
    """

    seconds: Mapping[str, float]
    prepared: Mapping[str, Sequence[str]]
    cost: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[str]]]

    def tests(self, broken: Break | None) -> list[str]:
        """The tests that reach a break (or all there are), those that are quick to come by first."""
        tests = list(self.seconds)
        if isinstance(broken, BreakOfPython):
            lines = self.lines.get(broken.where, {})
            reaching = {each for at in broken.lines or lines for each in lines.get(at, ())}
            tests = [test for test in tests if {test, *self.prepared[test]} & reaching]
            folder = broken.where.partition("/")[0]
            tests = [test for test in tests if test.partition("::")[0] in TESTS[folder]]
        return sorted(tests, key=lambda test: (self._shared(test), self.prepared[test], self.seconds[test]))

    def bound(self, broken: Break | None) -> float:
        """Seconds after which a break is given up: several times what its tests take with nothing broken."""
        tests = self.tests(broken)
        shared = {each for test in tests for each in self.prepared[test]}
        return 60 + 4 * (sum(self.seconds[test] for test in tests) + sum(self.cost.get(each, 0) for each in shared))

    def _shared(self, test: str) -> float:
        return round(sum(self.cost.get(each, 0) for each in self.prepared[test]), 1)


class _Noting:
    """A plugin that notes which test, fixture or module of tests runs which line, and how long each takes."""

    def __init__(self, coverage: Any) -> None:
        self.seconds: dict[str, float] = {}
        self.prepared: dict[str, list[str]] = {}
        self.cost: dict[str, float] = defaultdict(float)
        self._coverage = coverage
        self._now = ""
        self._made: dict[tuple[str, str], str] = {}
        self._spent = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        if isinstance(collector, pytest.Module):
            self._coverage.switch_context(collector.nodeid)
        result = yield
        self._coverage.switch_context("")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now, self._spent, begun = item.nodeid, 0.0, time.monotonic()
        self._coverage.switch_context(item.nodeid)
        result = yield
        self._coverage.switch_context("")
        self.seconds[item.nodeid] = time.monotonic() - begun - self._spent
        shared = [made for (name, _), made in self._made.items() if name in item.fixturenames]
        self.prepared[item.nodeid] = [item.nodeid.partition("::")[0], *sorted(shared)]
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        begun = time.monotonic()
        made = f"fixture {fixturedef.argname} {len(self.cost)}"
        self._made[fixturedef.argname, fixturedef.baseid] = made
        self._coverage.switch_context(made)
        result = yield
        self._coverage.switch_context(self._now)
        self.cost[made] = time.monotonic() - begun
        self._spent += self.cost[made]
        return result


def _measured(project: Path, files: Sequence[str]) -> Reach:
    """Run the tests once with nothing broken, in a process of its own, and note what they reach."""
    told = project / "reach.json"
    process = os.fork()
    if process == 0:
        _go_to(project)
        # What is compiled here once is not compiled again for every break.
        sys.dont_write_bytecode = False
        import coverage

        measuring = coverage.Coverage(
            data_file=None, config_file=False, include=[f"{project}/pipelines/{folder}/*" for folder in TESTS]
        )
        measuring.start()
        noting = _Noting(measuring)
        code = pytest.main([*_PLAIN, *files], plugins=[noting])
        measuring.stop()
        data = measuring.get_data()
        lines = {
            str(Path(name).relative_to(project / "pipelines")): data.contexts_by_lineno(name)
            for name in data.measured_files()
        }
        whole = {"seconds": noting.seconds, "prepared": noting.prepared, "cost": noting.cost, "lines": lines}
        told.write_text(json.dumps(whole), encoding="utf-8")
        os._exit(int(code))
    if os.waitpid(process, 0)[1]:
        sys.exit("the tests do not pass with nothing broken")
    found = json.loads(told.read_text(encoding="utf-8"))
    told.unlink()
    lines = {module: {int(at): tests for at, tests in each.items()} for module, each in found.pop("lines").items()}
    return Reach(lines=lines, **found)


# Trying ---------------------------------------------------------------------------------------------------------------

_PLAIN = (
    "-q", "-p", "no:cacheprovider", "-m", "not long and not spark",
    # Measuring makes YAML nested without end some five times as slow to refuse as this test allows.
    "--deselect", "tests/hostile/test_security.py::test_settings_are_plain_data_or_refused_at_once",
)  # fmt: skip


class _Chosen:
    """A plugin that leaves the tests chosen, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: position for position, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )


def is_noticed(broken: Break | None, project: Path, tests: Sequence[str]) -> bool:
    """Whether a test fails with the break in place, in a copy of ``project``; for a process of its own."""
    if not tests:
        return False
    with tempfile.TemporaryDirectory(prefix="kaohe-broken-") as folder:
        trial = Path(folder) / "kaohe"
        shutil.copytree(project, trial, copy_function=os.link, symlinks=True)
        if broken:
            path = trial / "pipelines" / broken.where
            path.unlink()
            path.write_text(broken.made, encoding="utf-8")
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
                compiled.unlink()
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
        _go_to(trial)
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            importlib.import_module("pipelines.run")
        except Exception:
            return True
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        code = pytest.main(["-x", *_PLAIN, *files], plugins=[_Chosen(tests)])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
            raise RuntimeError(f"pytest ended with {code}")
        return code != pytest.ExitCode.OK


def _go_to(project: Path) -> None:
    """Let this process, and those it begins, find the project there and nowhere else."""
    os.chdir(project)
    elsewhere = [each for each in sys.path if not Path(each or ".").resolve().is_relative_to(ROOT / "tests")]
    sys.path[:] = [str(project), str(project / "tests"), *(each for each in elsewhere if each not in ("", str(ROOT)))]
    os.environ["PYTHONPATH"] = str(project)


def _not_needed(folder: str, names: list[str]) -> list[str]:
    """What a copy of the project does without: environments, history, what runs and builds left behind."""
    made = {"marts", "marts.lock", "marts.run.json"} if Path(folder) == ROOT / "data" else {"build"}
    is_made = re.compile(r"\.(git|venv|hypothesis|.*_cache)|__pycache__|warehouse\.duckdb.*").fullmatch
    return [name for name in names if name in made or is_made(name)]


def main() -> int:
    """Break, try, tell; 1 where a break is not noticed and ``EQUAL`` has no reason for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=modules(), metavar="MODULE", help="without any: all of them")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one break in N")
    parser.add_argument("--only", default="", metavar="TEXT", help="breaks that are shown with this text")
    parser.add_argument("--list", action="store_true", help="tell the breaks and try none")
    parser.add_argument("--together", type=int, default=TOGETHER, metavar="N", help="so many at a time")
    given = parser.parse_args()
    os.chdir(ROOT)
    every = [each for module in given.modules for each in breaks(module)]
    refuse_reasons_for_nothing(every, EQUAL)
    tried = [each for each in every[:: given.every] if given.only in each.shown]
    if given.list:
        print(*(f"{each.where}: {each.shown}" for each in tried), f"{len(tried)} of {len(every)}", sep="\n")
        return 0
    for name in FOREIGN:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="kaohe-whole-") as folder:
        project = Path(folder).resolve() / "kaohe"
        shutil.copytree(ROOT, project, symlinks=True, ignore=_not_needed)
        folders = {each.partition("/")[0] for each in given.modules}
        reach = _measured(project, [file for folder in TESTS if folder in folders for file in TESTS[folder]])
        return try_all(
            tried, EQUAL, lambda broken: is_noticed(broken, project, reach.tests(broken)), reach.bound, given.together
        )


if __name__ == "__main__":
    sys.exit(main())
