"""The command line: which commands there are, and how every error leaves the process.

Commands are named as text and imported when they are used, so `ddbproof --help` stays quick and `ddbproof
claims` never loads a server. Options may also stand in `[tool.ddbproof]` of a pyproject.toml. A person sees
one line of cause and a hint; a traceback is shown only for our own errors, with exit code 5.
"""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import version

from cyclopts import App, CycloptsError
from cyclopts.config import Toml
from rich.console import Console

from ddbproof.cli.errors import ExitCode

_HELP = """Know that a DynamoDB-compatible store survives an AZ, converges across Regions and restores the right second.

Exit codes: 0 ok, 1 violations, 2 usage or empty selection, 3 target unreachable, 4 inconclusive only, 5 our own error, 130 interrupted.
"""

# Said here besides the command's own help, so that the list of commands loads none of them.
_COMMANDS = {
    "conform": ("ddbproof.cli.conform:conform", "Judge an endpoint and write a report."),
    "serve": ("ddbproof.cli.serve:serve", "Serve the reference endpoint."),
    "clock": ("ddbproof.cli.clock:clock", "Show or move the time of a served endpoint."),
    "faults": (
        "ddbproof.cli.faults:faults",
        "Break a served endpoint in a known way; look at its partitions.",
    ),
    "prove": ("ddbproof.cli.prove:prove", "Prove the protocols; covers and mutants."),
    "fuzz": ("ddbproof.cli.fuzz:fuzz", "Drive an endpoint beside the specification."),
    "check": ("ddbproof.cli.check:check", "Judge a recorded history: linearizable, serializable?"),
    "report": ("ddbproof.cli.report:app", "Sum up, render, merge, compare and publish results."),
    "claims": ("ddbproof.cli.claims:claims", "Browse claims, seed statements and their evidence."),
    "targets": ("ddbproof.cli.targets:app", "List and install the targets that can be launched."),
}


def build_app(*, listing: bool) -> App:
    """The command tree; `listing` gives the commands the short help that the list of commands shows."""
    app = App(
        name="ddbproof",
        help=_HELP,
        version=lambda: version("ddbproof"),
        config=Toml("pyproject.toml", root_keys=("tool", "ddbproof"), search_parents=True, must_exist=False),
    )
    for name, (place, words) in _COMMANDS.items():
        app.command(place, name=name, help=words if listing else None)
    return app


def run(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code and never lets an exception out."""
    given = sys.argv[1:] if arguments is None else arguments
    app = build_app(listing=not given or given[0].startswith("-"))
    app.suppress_keyboard_interrupt = False
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _complain(str(error), None, "ddbproof --help", ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return ExitCode.OK
    except Exception as error:
        if hasattr(error, "hint") and hasattr(error, "cause"):
            exit_code = getattr(error, "exit_code", ExitCode.USAGE)
            return _complain(str(error), error.cause, error.hint, exit_code)
        traceback.print_exc()
        return _complain(
            f"internal error: {error!r}",
            None,
            "this is a bug in ddbproof, please report it",
            ExitCode.OUR_ERROR,
        )
    return int(code or 0)


def _complain(message: str, cause: str | None, hint: str | None, exit_code: int) -> int:
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    console.print(f"error: {message.strip()}", style="bold red")
    if cause:
        console.print(f"cause: {cause}")
    if hint:
        console.print(f"hint:  {hint}")
    return int(exit_code)
