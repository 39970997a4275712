"""``python -m service cohort``: the same rules over many charts at once, before anybody sees a card."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from service.cohort.assess import Options
from service.cohort.run import Advance, Found, Plan, run
from service.commands import exits
from service.commands.evaluate import hook_of
from service.commands.terminal import heading, rows, terminal
from service.config import Settings
from service.errors import InputFileError
from service.hook_names import PATIENT_VIEW
from service.why import HOOKS

_Subparsers = argparse._SubParsersAction  # the type that add_subparsers returns has no public name
_HOUR = 8
_SHOWN = 20


def add_commands(subparsers: _Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``cohort``."""
    parser = subparsers.add_parser(
        "cohort",
        help="say which cards many patients would have had",
        description="Assess every patient of files or folders: NDJSON of a Bulk Data export (also .gz), "
        "Bundles, CDS Hooks requests. Writes cards, worklists, what could not be assessed and report.html "
        "into a folder that only its owner can read. A run that was stopped goes on when the command is "
        "given again. Exit code 0: done, 1: done, but some input could not be read, or --compare found "
        "differences, 3: not done.",
    )
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="file or folder")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="where the results are written"
    )
    parser.add_argument(
        "--hook",
        type=hook_of,
        choices=HOOKS,
        action="append",
        metavar="HOOK",
        help="may be repeated; default: patient-view",
    )
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD", help="the day to judge by (08:00 UTC); default: now"
    )
    parser.add_argument(
        "--replay",
        nargs=2,
        type=_day,
        metavar=("FROM", "TO"),
        help="judge the chart as it stood on each day between",
    )
    parser.add_argument(
        "--every", type=_days, default=14, metavar="14d", help="the days between, of --replay; default 14d"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="CONTENT",
        help="say who gains or loses which card under other content: a folder like cards/, a .toml like "
        "cards/defaults.toml, or a code map (.csv, .json)",
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="default: one for each core"
    )
    parser.add_argument(
        "--with-patient-ids", action="store_true", help="write the ids in place of keyed pseudonyms"
    )
    parser.add_argument("--engine", choices=("local", "spark"), default="local")
    parser.add_argument("--master", default="local[*]", metavar="URL", help="of Spark; default: local[*]")
    _add_export(parser)
    parser.set_defaults(run=execute)


def _add_export(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("export", "Fetch the charts by Bulk Data $export first.")
    group.add_argument(
        "--export", metavar="FHIR_BASE", help="base URL; with /Group/ID for a group's patients"
    )
    group.add_argument("--client-id", metavar="ID", help="of the SMART backend service")
    group.add_argument("--sign-with", type=Path, metavar="KEY", help="PEM file with its private key")
    group.add_argument("--kid", metavar="ID", help="id of the key")
    group.add_argument(
        "--token-env", metavar="NAME", help="environment variable with an access token, in place of these"
    )


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(hour=_HOUR, tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a day as 2026-11-24: {text!r}") from None


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"not a number of days as 14d: {text!r}")
    return int(number)


def execute(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run, and say in short what was found. Raises InputFileError, ContentError, ConfigurationError."""
    plan = _plan(arguments, settings)
    with _Progress() as advance:
        found = run(plan, advance)
    _print(terminal(), found, plan)
    return exits.FINDINGS if found.problems or found.differences else exits.DONE


def _plan(arguments: argparse.Namespace, settings: Settings) -> Plan:
    if arguments.processes < 1:
        raise InputFileError(f"--processes {arguments.processes}: at least one is needed.")
    inputs = list(arguments.inputs)
    if arguments.export:
        inputs.append(_exported(arguments, settings))
    if not inputs:
        raise InputFileError("Name files or folders, or --export FHIR_BASE.")
    options = Options(
        hooks=tuple(dict.fromkeys(arguments.hook or [PATIENT_VIEW])),
        moments=_moments(arguments),
        is_replay=arguments.replay is not None,
    )
    return Plan(
        inputs=tuple(inputs),
        output=arguments.to,
        settings=settings,
        compared=_other(settings, arguments.compare) if arguments.compare else None,
        options=options,
        processes=arguments.processes,
        with_ids=arguments.with_patient_ids,
        engine=arguments.engine,
        master=arguments.master,
    )


def _exported(arguments: argparse.Namespace, settings: Settings) -> str:
    from service.cohort.export import Access, export

    access = Access(
        base_url=arguments.export,
        client_id=arguments.client_id or "",
        key_file=arguments.sign_with,
        key_id=arguments.kid or "",
        token=os.environ.get(arguments.token_env or "", ""),
    )
    folder = arguments.to / "export"
    export(access, folder, certificate_authorities=settings.certificate_authorities)
    return str(folder)


def _moments(arguments: argparse.Namespace) -> tuple[datetime, ...]:
    if arguments.replay is None:
        return (arguments.today or datetime.now(UTC),)
    first, last = arguments.replay
    if first > last:
        raise InputFileError("--replay: FROM has to be before TO.")
    return tuple(_between(first, last, arguments.every))


def _between(first: datetime, last: datetime, every: int) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += timedelta(days=every)


def _other(settings: Settings, content: Path) -> Settings:
    """The settings with the one that the kind of file is for."""
    if content.is_dir():
        return settings.model_copy(update={"cards_dir": content})
    if not content.is_file():
        raise InputFileError(f"{content}: there is no such file or folder.")
    name = "defaults_file" if content.suffix == ".toml" else "code_map_file"
    return settings.model_copy(update={name: content})


class _Progress:
    """A bar with rate and time left on a terminal, a line for each step elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        rate = TextColumn("{task.fields[rate]}")
        self._bar = Progress(
            *columns, rate, TimeRemainingColumn(), console=console, disable=not console.is_terminal
        )
        self._task = self._bar.add_task("starting", total=None, rate="")
        self._said = ""

    def __enter__(self) -> Advance:
        self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _advance(self, what: str, done: int, total: int) -> None:
        speed = self._bar.tasks[0].speed
        rate = f"{speed:,.0f}/s" if speed else ""
        self._bar.update(self._task, description=what, completed=done, total=total or None, rate=rate)
        if self._bar.disable and what != self._said:
            self._said = what
            self._bar.console.print(what)


def _print(console: Console, found: Found, plan: Plan) -> None:
    summary = found.summary
    console.print(heading("What was found"))
    console.print(
        rows(
            [
                ("patients", str(summary["patients"])),
                ("with a NET or its syndrome", str(summary["net_patients"])),
                ("openings with a card", f"{summary['openings_with_a_card']} of {summary['openings']}"),
                ("cards", str(summary["cards"])),
                ("warnings", str(summary["warnings"])),
                *((f"worklist {name}", str(count)) for name, count in summary["worklists"].items()),
            ]
        )
    )
    if plan.compared:
        console.print(f"{found.differences} cards differ under the other content: see comparison.csv.")
    for problem in found.problems[:_SHOWN]:
        place = f"{problem.file}, line {problem.line}" if problem.line else problem.file
        console.print(f"{place}: {problem.says}")
    if len(found.problems) > _SHOWN:
        console.print(f"... and {len(found.problems) - _SHOWN} more: see problems.csv.")
    console.print(
        f"Written to {plan.output}: report.html, "
        + ", ".join(one.name for one in found.files if one.suffix == ".csv")
    )
