"""考核 Kaohe: 从报送数据到经得起复核的等次 from received figures to grades that stand up to a challenge."""

# Heavy imports wait until they are needed.

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipelines import interruption
from pipelines.errors import Exit, KaoheError
from pipelines.labels import Language, both, label
from pipelines.masking import lines, masked
from pipelines.openlineage import Lineage
from pipelines.settings import MEMORY, Settings, usual_rubric
from pipelines.terminal import Progress, answer, print_problem, summarise, tell
from pipelines.unattended import Attendance

#: What the command line library raises for every call it cannot make sense of.
_UsageError = typer.BadParameter.__mro__[1]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
rubric_app = typer.Typer(no_args_is_help=True, help="考核细则 the rubric.")
app.add_typer(rubric_app, name="rubric")

Raw = Annotated[Path, typer.Option(help="报送文件夹 deliveries.")]
Marts = Annotated[Path, typer.Option(help="结果文件夹 published results.")]
Warehouse = Annotated[Path, typer.Option(help="工作数据库 working database.")]
Rubric = Annotated[Path, typer.Option(help="考核细则文件夹 editions of the rubric.")]
Corrections = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="更正数据的声明，默认 data/corrections.yml declared corrections."),
]
Edition = Annotated[str, typer.Option(help="细则版本 edition.")]
Town = Annotated[str, typer.Argument(help="镇街名称、代码或单位编号 name, code or identifier.")]
Year = Annotated[int, typer.Argument(help="年度 year.")]
Key = Annotated[
    Path | None, typer.Option(help="证件号密钥文件，默认取 KAOHE_KEY_FILE 或用户配置 key for identity numbers.")
]
Lang = Annotated[Language, typer.Option(help="输出语言 language: zh, en.")]
AsJson = Annotated[bool, typer.Option("--json", help="以 JSON 输出 result as JSON.")]

RAW, MARTS, WAREHOUSE, RUBRIC = Path("data/raw"), Path("data/marts"), Path("data/warehouse.duckdb"), usual_rubric()
EDITION, CORRECTIONS = "2013", Path("data/corrections.yml")


@app.command()
def run(
    context: typer.Context,
    raw: Raw = RAW,
    marts: Marts = MARTS,
    warehouse: Warehouse = WAREHOUSE,
    rubric: Rubric = RUBRIC,
    edition: Edition = EDITION,
    corrections: Corrections = None,
    allow_partial: Annotated[
        bool, typer.Option(help="有严重问题的行隔离后仍发布 publish around the rows that fail.")
    ] = False,
    results_only: Annotated[
        bool, typer.Option(help="只出结果，不出分析，适合很大的地区 results without the analysis, for very many towns.")
    ] = False,
    memory_limit: Annotated[
        str | None,
        typer.Option(help=f"数据库可用内存，不写为 {MEMORY} memory for the database, {MEMORY} unless given."),
    ] = None,
    force: Annotated[
        bool, typer.Option(help="全部重做，不用上次运行留下的 do all of it again, whatever the last run has left.")
    ] = False,
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help="计算引擎 what runs the models.")] = "duckdb",
    spark_master: Annotated[
        str, typer.Option(envvar="KAOHE_SPARK_MASTER", help="local[2], spark://主机 host:7077.")
    ] = "local[2]",
    key: Key = None,
    log: Annotated[
        Path | None, typer.Option(envvar="KAOHE_LOG", help="日志文件，自动轮换 log file, rotated by itself.")
    ] = None,
    on_success: Annotated[
        str, typer.Option(envvar="KAOHE_ON_SUCCESS", help="退出码为 0 时执行的命令 command to call after exit code 0.")
    ] = "",
    on_failure: Annotated[
        str, typer.Option(envvar="KAOHE_ON_FAILURE", help="其他退出码时执行的命令 command to call after any other.")
    ] = "",
    lineage: Annotated[
        Path | None, typer.Option(envvar="KAOHE_LINEAGE", help="OpenLineage 事件文件 file for OpenLineage events.")
    ] = None,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """读取、检查、计分并发布 load, check, score and publish."""
    from pipelines import run as flow

    attendance = context.ensure_object(Attendance)
    attendance.begin(marts, log, on_success, on_failure, Lineage(lineage, raw, marts) if lineage else None)
    settings = Settings(
        raw,
        marts,
        warehouse,
        rubric / edition,
        allow_partial=allow_partial,
        results_only=results_only,
        memory_limit=memory_limit,
        engine=engine,
        spark_master=spark_master,
        key=key,
        corrections=_declared(corrections),
        force=force,
    )
    outcome = flow.run(settings, Progress(lang))
    attendance.is_new = outcome.is_new
    if as_json:
        answer(outcome.manifest, "", as_json=True)
    else:
        summarise(outcome, marts, lang)
    return outcome.code


@app.command()
def check(
    raw: Raw = RAW,
    warehouse: Warehouse = WAREHOUSE,
    rubric: Rubric = RUBRIC,
    edition: Edition = EDITION,
    key: Key = None,
    corrections: Corrections = None,
    lang: Lang = "zh",
) -> int:
    """只读取并检查，不发布 load and check only; publish nothing."""
    from pipelines import quality, workplace
    from pipelines import run as flow

    settings = Settings(raw, MARTS, warehouse, rubric / edition, key=key, corrections=_declared(corrections))
    with workplace.alone(warehouse), workplace.warehouse(warehouse) as connection:
        with flow.engine(connection, settings) as there:
            gate, _ = flow.load_and_check(connection, settings, Progress(lang), there)
        for problem in quality.problems(connection, "warning"):
            print_problem(problem, lang, "warning")
        if gate.critical_failures:
            raise gate.refusal()
    return Exit.DONE


@app.command()
def changes(
    raw: Raw = RAW,
    marts: Marts = MARTS,
    warehouse: Warehouse = WAREHOUSE,
    rubric: Rubric = RUBRIC,
    edition: Edition = EDITION,
    key: Key = None,
    corrections: Corrections = None,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """发布之前对照：改了哪些单元格、得分随之怎样变 what would change if published now; publish nothing."""
    from pipelines import changes as compared
    from pipelines import review, workplace
    from pipelines import run as flow
    from pipelines.manifest import inputs_of

    settings = Settings(raw, marts, warehouse, rubric / edition, key=key, corrections=_declared(corrections))
    progress = Progress(lang)
    with workplace.alone(warehouse), workplace.warehouse(warehouse) as connection:
        with flow.engine(connection, settings) as there:
            gate, made = flow.load_and_check(connection, settings, progress, there)
            if gate.critical_failures:
                raise gate.refusal()
            flow.score(connection, settings, progress, there, made)
        found = compared.changes(connection, marts, inputs_of(settings))
        answer(found, compared.changes_in_words(found, lang), as_json)
        # After all of it is told: a result signed off would not be published.
        review.hold_to_sign_off(connection, marts / "current")
    return Exit.DONE


@app.command()
def demo(
    raw: Raw = RAW,
    seed: Annotated[int, typer.Option(help="随机种子 seed.")] = 2013,
    years: Annotated[str, typer.Option(help="年度，如 2013-2017 first and last year.")] = "2013-2017",
    towns: Annotated[int, typer.Option(min=3, help="镇街数 number of towns.")] = 22,
    file_format: Annotated[
        str, typer.Option("--format", help="全部写成 csv 或 parquet，不分样式 all plainly in csv or parquet.")
    ] = "",
    person_level: Annotated[
        int,
        typer.Option(help="个人缴费笔数，另附银行到账 contributions of single persons, and what the bank received."),
    ] = 0,
) -> int:
    """生成虚构城市的合成报送文件 write synthetic deliveries of a fictional city."""
    from pipelines.demo import write_demo

    first, _, last = years.partition("-")
    if not (first.isdigit() and (last or first).isdigit()):
        raise typer.BadParameter(f"{years!r}: 2013 or 2013-2017", param_hint="--years")
    span = tuple(range(int(first), int(last or first) + 1))
    write_demo(raw, seed, span, towns, Progress("zh").detail, file_format, person_level)
    return Exit.DONE


@app.command()
def report(
    marts: Marts = MARTS,
    years: Annotated[str, typer.Option(help="对比的两个年度，如 '2014 2015' the two years to compare.")] = "",
    lang: Lang = "zh",
) -> int:
    """生成报告、工作簿和网站 render the notebooks, workbooks and site of what is published."""
    from pipelines.report.notebooks import write_reports
    from pipelines.report.site import write_site
    from pipelines.report.workbook import write_workbooks

    compared = years.split()
    if compared and not (len(compared) == 2 and all(year.isdigit() for year in compared)):
        raise typer.BadParameter(f"{years!r}: '2014 2015'", param_hint="--years")
    progress = Progress(lang)
    pair = (int(compared[0]), int(compared[1])) if compared else None
    pages = write_reports(marts, marts / "reports", pair, lang, progress.detail)
    workbooks = write_workbooks(marts, marts, progress.detail)
    site = write_site(marts, marts / "site", progress.detail)
    for path in (pages[0], *workbooks, site):
        typer.echo(path)
    return Exit.DONE


@app.command()
def explain(
    town: Town,
    year: Year,
    item: Annotated[str, typer.Argument(help="条款，不写则为全部 item; all of them when not given.")] = "",
    marts: Marts = MARTS,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """某镇街为何是这个分：从等次一直到报送的行 why a town has its score, from the grade to the received row."""
    from pipelines.analysis.explanation import explain as explained
    from pipelines.analysis.explanation import in_words
    from pipelines.analysis.marts import open_marts

    told = explained(open_marts(marts), town, year, item)
    answer(told, in_words(told, lang, whole=bool(item)), as_json)
    return Exit.DONE


@app.command()
def lever(
    town: Annotated[str, typer.Argument(help="镇街；--city 时不写 the town; not with --city.")] = "",
    year: Year = 0,
    limits: Annotated[
        Path | None, typer.Option(help="限度与代价 YAML limits and costs: {indicator: {most: 10, cost: 2.5}}.")
    ] = None,
    city: Annotated[int, typer.Option(help="全市某年：哪些改进升等最多 the city in a year.")] = 0,
    marts: Marts = MARTS,
    rubric: Rubric = RUBRIC,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """怎样改进能得分、能升等 what would lift a town, or most towns."""
    from pipelines.analysis import levers
    from pipelines.analysis.marts import open_marts

    if bool(city) == bool(town and year):
        raise typer.BadParameter("TOWN YEAR, --city YEAR", param_hint="kaohe lever")
    if city:
        found = levers.city_levers(open_marts(marts), rubric, city)
        answer(found, levers.city_in_words(found, lang), as_json)
    else:
        told = levers.levers(open_marts(marts), rubric, town, year, levers.read_limits(limits))
        answer(told, levers.levers_in_words(told, lang), as_json)
    return Exit.DONE


@app.command()
def whatif(
    town: Town,
    year: Year,
    changes: Annotated[list[str], typer.Argument(help="指标=分子[/分母] 或 条款=得分 indicator=n[/d] or item=score.")],
    marts: Marts = MARTS,
    rubric: Rubric = RUBRIC,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """假如数据或得分不同，结果会怎样 what would become of a town were a figure or score another."""
    from pipelines.analysis.levers import what_if, what_if_in_words
    from pipelines.analysis.marts import open_marts

    found = what_if(open_marts(marts), rubric, town, year, _pairs(changes, "CHANGES"))
    answer(found, what_if_in_words(found, lang), as_json)
    return Exit.DONE


@app.command()
def compare(
    year: Annotated[int, typer.Argument(help="前一年 the year before.")],
    other: Annotated[int, typer.Argument(help="后一年 the year after.")],
    town: Annotated[str, typer.Option(help="只看一个镇街 one town.")] = "",
    before: Annotated[
        str, typer.Option(help="前一年取自较早的发布：文件夹或运行编号 an earlier publication: a folder or run id.")
    ] = "",
    marts: Marts = MARTS,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """总分为何变动：各部分之和等于变动 why totals changed, in parts that add up exactly."""
    from pipelines.analysis.causes import compare as compared
    from pipelines.analysis.causes import compare_in_words, open_earlier
    from pipelines.analysis.marts import open_marts

    earlier = open_earlier(marts, before) if before else None
    found = compared(open_marts(marts), year, other, town, earlier)
    answer(found, compare_in_words(found, lang, whole=bool(town)), as_json)
    return Exit.DONE


@app.command()
def stability(
    year: Annotated[int, typer.Argument(help="年度，不写则为最近一年 year; the latest when not given.")] = 0,
    marts: Marts = MARTS,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """换一种读法、评分或抽查，等次还站得住吗 do grades stand under other readings, judgements and samples."""
    from pipelines.analysis.marts import open_marts
    from pipelines.analysis.stability import stability as found
    from pipelines.analysis.stability import stability_in_words

    told = found(open_marts(marts), year or None)
    answer(told, stability_in_words(told, lang), as_json)
    return Exit.DONE


@app.command()
def status(marts: Marts = MARTS, lang: Lang = "zh", as_json: AsJson = False) -> int:
    """各年结果办到哪一步、期限与结果指纹 where each year's result stands, its deadlines and its fingerprint."""
    from datetime import date

    from pipelines.analysis.marts import open_marts
    from pipelines.review import status as standing
    from pipelines.review import status_in_words

    years = standing(open_marts(marts), date.today())
    answer(years, status_in_words(years, lang), as_json)
    return Exit.DONE


@app.command()
def verify(marts: Marts = MARTS, lang: Lang = "zh", as_json: AsJson = False) -> int:
    """核对已发布的结果是否完整、未被改动或退回 whether what is published is whole, unchanged and the newest."""
    from pipelines.publish import chain

    verdict = chain.verify(marts)
    for problem in verdict.problems:
        print_problem(problem, lang, "critical")
    answer(verdict.as_json(), chain.in_words(verdict, lang), as_json)
    return Exit.INTEGRITY if verdict.problems else Exit.DONE


@app.command()
def restore(
    run_id: Annotated[str, typer.Argument(help="要恢复的运行编号，见 kaohe verify the run to bring back.")],
    marts: Marts = MARTS,
    lang: Lang = "zh",
) -> int:
    """恢复先前发布的结果，作为新的一次发布 publish an earlier result again."""
    from pipelines import workplace
    from pipelines.publish import publication

    with workplace.alone(marts):
        now = publication.restore(marts, run_id)
    typer.echo(label("restored", lang).format(run_id=run_id, sequence=now.sequence))
    return Exit.DONE


@app.command()
def templates(
    folder: Annotated[Path, typer.Option(help="存放空白表的文件夹 where to put them.")] = Path("templates"),
) -> int:
    """生成各类数据的空白填报表 write an empty workbook per source for the towns to fill in."""
    from pipelines.publish.templates import write_templates

    for path in write_templates(folder):
        typer.echo(path)
    return Exit.DONE


@app.command()
def notice(
    year: Year,
    marts: Marts = MARTS,
) -> int:
    """起草年度考核通报 draft the notice of a year's results."""
    from pipelines.report.notice import write_notice

    typer.echo(write_notice(marts, year, marts))
    return Exit.DONE


def _declared(corrections: Path | None) -> Path | None:
    """The file of corrections given, or the one there is."""
    return corrections or (CORRECTIONS if CORRECTIONS.exists() else None)


@rubric_app.command("lint")
def rubric_lint(rubric: Rubric = RUBRIC, edition: Edition = EDITION) -> int:
    """检查细则各条规律 hold the rubric to its laws."""
    from pipelines import rubric as rules
    from pipelines.transform import load_models

    indicators = {model.name for model in load_models().values() if model.layer == "indicators"}
    problems = rules.lint(rubric / edition, indicators)
    if problems:
        raise KaoheError(Exit.REJECTED, f"{rubric / edition}: {len(problems)}", problems)
    typer.echo(f"{rubric / edition}: ✓")
    return Exit.DONE


@rubric_app.command("diff")
def rubric_diff(
    before: Annotated[str, typer.Argument(help="原版本，文件夹或名称 edition before: a folder, or a name.")],
    after: Annotated[str, typer.Argument(help="新版本 edition after.")],
    rubric: Rubric = RUBRIC,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """两版细则有何不同，用文字说明 what differs between two editions, in words."""
    from dataclasses import asdict

    from pipelines.analysis.editions import differences, differences_in_words

    found = differences(_draft(rubric, before), _draft(rubric, after))
    answer([asdict(each) for each in found], differences_in_words(found, lang), as_json)
    return Exit.DONE


@rubric_app.command("plan")
def rubric_plan(
    new: Annotated[str, typer.Argument(help="拟行版本，文件夹或名称 the edition planned: a folder, or a name.")],
    reading: Annotated[
        list[str] | None, typer.Option(help="口径=选项，可重复 interpretation=option, as often as needed.")
    ] = None,
    marts: Marts = MARTS,
    rubric: Rubric = RUBRIC,
    lang: Lang = "zh",
    as_json: AsJson = False,
) -> int:
    """已发布的各年按拟行细则重算，哪些镇街变等、为何 published years under an edition not yet signed."""
    from dataclasses import asdict

    from pipelines.analysis.editions import plan, plan_in_words
    from pipelines.analysis.marts import open_marts

    planned = plan(open_marts(marts).folder, _draft(rubric, new), _pairs(reading or [], "--reading"))
    answer(asdict(planned), plan_in_words(planned, lang), as_json)
    return Exit.DONE


def _draft(rubric: Path, edition: str) -> Any:
    """The edition given by name, or as a folder of its own; worked cases may still be owed."""
    from pipelines import rubric as rules

    folder = rubric / edition if (rubric / edition).is_dir() else Path(edition)
    problems = [problem for problem in rules.lint(folder) if problem.rule != "examples"]
    if problems:
        raise KaoheError(Exit.REJECTED, f"{folder}: {len(problems)}", problems)
    return rules.load_edition(folder)


def _pairs(written: list[str], where: str) -> dict[str, str]:
    """``name=value`` as written on the command line."""
    pairs = [each.partition("=") for each in written]
    if not all(sign for _, sign, _ in pairs):
        raise typer.BadParameter("name=value", param_hint=where)
    return {name: value for name, _, value in pairs}


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"kaohe {version('kaohe')}")
        raise typer.Exit


@app.callback(help=__doc__)
def _kaohe(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="程序版本 which version this is.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command and leave with its exit code; no traceback reaches a user unless ``--debug`` is given."""
    interruption.listen()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no Chinese is no reason to fail after the work is done.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = _run_command(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Great Expectations keeps hold of DuckDB's types, whose binding then reports leaks on stderr while Python winds
    # down. Everything is closed and written by now, so the process ends without winding down.
    os._exit(code)


def _run_command(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    lang: Language = "en" if "--lang=en" in arguments or "--lang en" in " ".join(arguments) else "zh"
    attendance = Attendance()
    code = _outcome(arguments, lang, debug, attendance)
    attendance.end(code, lang, tell)
    return code


def _outcome(arguments: list[str], lang: Language, debug: bool, attendance: Attendance) -> int:
    """The exit code a command comes to, once everything it has to say is told."""
    try:
        code = int(app(arguments, standalone_mode=False, obj=attendance) or 0)
        # The command line library turns the interrupt into its code and says nothing.
        return _interrupted(lang) if code == Exit.INTERRUPTED else code
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted(lang)
    except _UsageError as error:  # type: ignore[misc]
        error.show()
        return Exit.USAGE
    except Exception as error:
        if interruption.is_asked():
            # What an interrupt breaks on its way out is no fault of its own.
            return _interrupted(lang)
        if debug:
            typer.echo(lines(masked(traceback.format_exc())), err=True)
        known = _known(error)
        for problem in known.problems:
            print_problem(problem, lang, "critical")
        tell(f"kaohe: {known}")
        for note in getattr(known, "__notes__", ()):
            tell(f"kaohe: {note}")
        return known.code


def _interrupted(lang: Language) -> int:
    with contextlib.suppress(KeyboardInterrupt):
        interruption.last_call()
    tell(f"kaohe: {label('interrupted', lang)}")
    return Exit.INTERRUPTED


def _known(error: Exception) -> KaoheError:
    """The way out for an error: its own, or what the operating system or a fault of ours amounts to."""
    if isinstance(error, KaoheError):
        return error
    if cause := _environment(error):
        told = f"{both(cause)} ({' '.join(str(error).split())})"
        return KaoheError(Exit.ENVIRONMENT, told)
    told = f"an internal fault ({type(error).__name__}: {error}); run again with --debug to see where"
    return KaoheError(Exit.INTERNAL, told)


#: What the operating system lacks or forbids, by its number, to the words for it.
_LACKING = {
    errno.ENOSPC: "environment_full",
    errno.EDQUOT: "environment_full",
    errno.EFBIG: "environment_full",
    errno.EACCES: "environment_forbidden",
    errno.EPERM: "environment_forbidden",
    errno.EROFS: "environment_forbidden",
    errno.EEXIST: "environment_no_folder",
    errno.ENOTDIR: "environment_no_folder",
    errno.ENOMEM: "environment_memory",
}


def _environment(error: Exception) -> str:
    """Which words say what the machine lacks; empty where ``error`` is not of that kind."""
    if isinstance(error, OSError):
        return _LACKING.get(error.errno or 0, "environment_other")
    if isinstance(error, MemoryError):
        return "environment_memory"
    if duckdb := sys.modules.get("duckdb"):
        if isinstance(error, duckdb.OutOfMemoryException):
            return "environment_memory"
        # The database words what the system told it and gives no number; a write may also fail as it commits.
        if isinstance(error, duckdb.IOException | duckdb.TransactionException | duckdb.FatalException):
            found = (words for number, words in _LACKING.items() if os.strerror(number) in str(error))
            return next(found, "environment_other" if isinstance(error, duckdb.IOException) else "")
    return ""
