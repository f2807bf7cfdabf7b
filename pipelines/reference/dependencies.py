"""Every package the project rests on: why, which version is locked, under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_LOCKS = ("requirements.lock", "requirements-scale.lock")
_GROUPS = {
    "dependencies": "运行 to run",
    "desk": "分析员的桌面 the analyst's desk",
    "spark": "Spark",
    "benchmark": "基准比较 benchmarks",
    "develop": "开发 to develop",
}
#: A licence in full is no name of one.
_LONGEST_NAME = 40


@dataclass(frozen=True)
class _Direct:
    group: str
    reason: str


def page(path: Path, root: Path) -> str:
    """The page at ``path``, made from the project in ``root`` and what is installed.

    A licence is what the installed package states, in the version locked first. Of a package that is not installed here
    (another system, another Python) the page keeps what it says. ValueError for a direct dependency without a reason.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", text, flags=re.MULTILINE))
    return "\n".join(_lines(_direct(root / "pyproject.toml"), _locked(root), kept)) + "\n"


def _lines(direct: Mapping[str, _Direct], locked: Mapping[str, list[str]], kept: Mapping[str, str]) -> Iterator[str]:
    yield "# 依赖 Dependencies"
    yield ""
    yield "由 `make docs` 从 `pyproject.toml`、锁定文件和已安装的包生成。许可为各包自述。"
    yield ""
    yield "From `pyproject.toml`, the locks and the installed packages. Licences are as the packages state them."
    for group, title in _GROUPS.items():
        yield f"\n## {title}\n\n| 包 package | 用途 why | 版本 version | 许可 licence |\n|---|---|---|---|"
        for name, each in sorted(direct.items()):
            if each.group == group:
                yield f"| `{name}` | {each.reason} | {_versions(locked[name])} | {_licence(name, locked, kept)} |"
    yield "\n## 间接 Brought by these\n\n| 包 package | 版本 version | 许可 licence |\n|---|---|---|"
    for name, versions in sorted(locked.items()):
        if name not in direct:
            yield f"| `{name}` | {_versions(versions)} | {_licence(name, locked, kept)} |"


def _direct(project: Path) -> dict[str, _Direct]:
    """The dependencies written out in ``project``, with the comments beside them, which no parser of TOML keeps."""
    found: dict[str, _Direct] = {}
    group = ""
    for line in project.read_text(encoding="utf-8").splitlines():
        if begun := re.match(r"([a-z]+) = \[", line):
            group = begun[1]
        elif line == "]":
            group = ""
        elif group in _GROUPS and (entry := re.match(r'\s+"([A-Za-z0-9._-]+)[^"]*",(?:\s+# (.+))?$', line)):
            if not entry[2]:
                raise ValueError(f"{project.name}: {entry[1]} has no reason beside it")
            found[_canonical(entry[1])] = _Direct(group, entry[2])
    return found


def _locked(root: Path) -> dict[str, list[str]]:
    """The versions locked of every package; another Python may have another one."""
    found: dict[str, list[str]] = {}
    for lock in _LOCKS:
        for name, version in re.findall(
            r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", (root / lock).read_text(encoding="utf-8"), re.MULTILINE
        ):
            versions = found.setdefault(_canonical(name), [])
            if version not in versions:
                versions.append(version)
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _versions(versions: list[str]) -> str:
    return " / ".join(versions)


def _licence(name: str, locked: Mapping[str, list[str]], kept: Mapping[str, str]) -> str:
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return kept.get(name, "?")
    if told["Version"] != locked[name][0] and name in kept:
        return kept[name]
    if expression := told["License-Expression"]:
        return str(expression)
    stated = " ".join((told["License"] or "").split())
    if stated and stated != "UNKNOWN" and len(stated) <= _LONGEST_NAME:
        return stated
    classified = [each for each in told.get_all("Classifier") or () if each.startswith("License ::")]
    return ", ".join(each.rpartition(" :: ")[2] for each in classified) or "?"
