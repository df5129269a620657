"""`ddbproof check`: could a correct store have answered like this? A recorded history, judged, and explained.

Reads our own format and Jepsen's. A violation is told in a screen at most: the operations that matter, and why they cannot
all be right. What the checker cannot tell is unknown, with an exit code of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from ddbproof.model.histories.checking import Judged
    from ddbproof.model.histories.operations import History

_WIDEST = 200
_PROMISES = ("serializable", "session", "strict")


def check(
    file: Path,
    /,
    *,
    model: str = "auto",
    budget: int = 2_000_000,
    promise: str = "strict",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Judge a recorded history.

    Exit codes: 0 ok, 1 a violation, 2 usage or a file that is no history, 4 unknown: the checker cannot tell.

    Parameters
    ----------
    file
        Our own format (ddbproof-history/1) or a history of Jepsen's, in EDN or JSON. docs/histories.md tells more.
    model
        `register`: single items, each write with a value of its own. `wgl`: single items, any values, by search.
        `transactions`: also single operations as transactions. `auto` takes what suits: register, with wgl for
        items that it cannot judge; transactions where there are any.
    budget
        After how many steps wgl gives an item up as unknown.
    promise
        Of transactions: `serializable`, `session` (and every client's own order kept) or `strict` (and the order
        of real time kept). Stronger ones are not looked at.
    json_
        Print the results as JSON.
    """
    from ddbproof.model.histories import checking, formats

    if model not in checking.MODELS:
        raise CommandError(f"there is no model {model!r}", hint=f"there are {', '.join(checking.MODELS)}")
    if budget < 1:
        raise CommandError("--budget begins at 1")
    if promise not in _PROMISES:
        raise CommandError(f"there is no promise {promise!r}", hint=f"there are {', '.join(_PROMISES)}")
    history = formats.read(file)
    try:
        judged = checking.judge(history, model, budget)
    except checking.NotSuited as error:
        raise CommandError(str(error), hint="leave --model out, or take --model transactions") from error
    if judged.model == "transactions":
        judged = checking.up_to(judged, promise)
    if json_:
        _print_json(file, history, judged)
    else:
        _print(file, history, judged)
    return _code(judged)


def _code(judged: Judged) -> ExitCode:
    from ddbproof.model.histories.operations import Unknown, Violation

    if isinstance(judged.verdict, Violation):
        return ExitCode.VIOLATIONS
    return ExitCode.INCONCLUSIVE if isinstance(judged.verdict, Unknown) else ExitCode.OK


def _print(file: Path, history: History, judged: Judged) -> None:
    from rich.console import Console

    from ddbproof.model.histories.operations import Unknown, Violation

    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{file}: {judged.evidence.told()}")
    for note in history.notes[:5]:
        console.print(f"  {_cut(note)}", style="dim")
    for promise, verdict in judged.promises.items():
        if isinstance(verdict, Violation):
            console.print(f"{promise}: VIOLATION, {verdict.anomaly}", style="red")
        elif isinstance(verdict, Unknown):
            console.print(f"{promise}: unknown; {_cut(verdict.reason)}", style="yellow")
        else:
            console.print(f"{promise}: ok", style="green")
    if isinstance(judged.verdict, Violation):
        for line in judged.verdict.told().splitlines():
            console.print(_cut(line))
    for reason in judged.evidence.thin:
        console.print(f"little evidence: {reason}", style="yellow")


def _cut(line: str) -> str:
    """What values of clients contain must neither fill the screen nor steer the terminal."""
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 3] + "..."


def _print_json(file: Path, history: History, judged: Judged) -> None:
    import msgspec

    document: dict[str, Any] = {
        "file": str(file),
        "model": judged.model,
        "promises": judged.promises,
        "evidence": judged.evidence,
        "little_evidence": judged.evidence.thin,
        "notes": history.notes,
    }
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
