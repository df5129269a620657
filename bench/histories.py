"""Seconds of the history checkers at a thousand to a million operations, growth exponents, and ratios to the search.

Run by `make bench-histories`; a few minutes, most of which goes into making the histories. They are those of a right
store with some answers lost, as finding nothing is what takes longest. The search is given up at its budget, and not tried
where the history is long. Times are wall time of one run, the minimum of three where that is quick, without garbage
collection, which `ddbproof check` turns off too. The same figures as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ddbproof.model.histories import register, register_fast, simulated, transactions, wgl
from ddbproof.model.histories.operations import Ok, Operation, Unknown, Verdict

SIZES = (1_000, 10_000, 100_000, 1_000_000)
KEYS = (1, 1_000)
CLIENTS = (5, 50)
LONGEST_SEARCH = 100_000
SEARCH_BUDGET = 1_000_000
LONGEST_TRANSACTIONS = 100_000
QUICK_SECONDS = 1.0


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """How long it took, and what it gave."""
    best, result = math.inf, None
    for _ in range(3):
        gc.collect()
        gc.disable()
        began = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - began)
        gc.enable()
        if best > QUICK_SECONDS:
            break
    return best, result


def measured(history: list[Operation]) -> dict[str, float | str]:
    """Seconds by checker."""
    found: dict[str, float | str] = {}
    for name, check in (("register", register.check), ("numpy", register_fast.check)):
        found[name], verdict = seconds(lambda check=check: check(history))
        assert isinstance(verdict, Ok), verdict
    table = register_fast.columns(history)
    found["numpy, arrays given"], suspects = seconds(lambda: register_fast.suspects(table))
    assert suspects == ([], [])
    if len(history) > LONGEST_SEARCH:
        found["search"] = "not tried"
        return found
    began = time.perf_counter()
    verdict = wgl.check(history, budget=SEARCH_BUDGET)
    took = time.perf_counter() - began
    found["search"] = f"unknown after {took:.1f}" if isinstance(verdict, Unknown) else took
    return found


def shown(value: float | str) -> str:
    """Three digits."""
    return value if isinstance(value, str) else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def single_items(most: int) -> list[dict[str, Any]]:
    """The table of registers."""
    columns = ["register", "numpy", "numpy, arrays given", "search"]
    print(f"| operations | keys | clients | {' | '.join(columns)} | search / numpy |")
    print("|---|" + "---|" * 7)
    rows = []
    for clients in CLIENTS:
        for keys in KEYS:
            for size in (size for size in SIZES if size <= most):
                mix = simulated.Mix(clients=clients, keys=keys, lost_answers=0.001)
                history = simulated.operations(size, mix, seed=size)
                row = {"operations": size, "keys": keys, "clients": clients, **measured(history)}
                rows.append(row)
                search, fast = row["search"], row["numpy"]
                ratio = shown(search / fast) if isinstance(search, float) else "-"
                cells = " | ".join(shown(row[name]) for name in columns)
                print(f"| {size:,} | {keys:,} | {clients} | {cells} | {ratio} |", flush=True)
    print()
    print_growth(rows, columns[:3])
    return rows


def print_growth(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Exponents from ten thousand operations to the largest size: 1 is linear."""
    print(f"| growth exponent | {' | '.join(columns)} |")
    print("|---|" + "---|" * len(columns))
    for clients in CLIENTS:
        for keys in KEYS:
            mine = {
                row["operations"]: row for row in rows if (row["keys"], row["clients"]) == (keys, clients)
            }
            most = max(mine)
            if most <= SIZES[1]:
                continue
            cells = [
                f"{math.log(mine[most][name] / mine[SIZES[1]][name]) / math.log(most / SIZES[1]):.2f}"
                for name in columns
            ]
            print(f"| {keys:,} keys, {clients} clients | {' | '.join(cells)} |")
    print()


def several_items(most: int) -> list[dict[str, Any]]:
    """The table of transactions: of up to three items, reading or writing."""
    print("| transactions | keys | clients | seconds | a second |")
    print("|---|---|---|---|---|")
    rows = []
    for size in (size for size in SIZES if size <= min(most, LONGEST_TRANSACTIONS)):
        keys = max(10, size // 10)
        history = simulated.transactions(size, simulated.Mix(keys=keys, lost_answers=0.001), seed=size)
        took, judgement = seconds(lambda history=history: transactions.check(history))
        verdict: Verdict = judgement.strict
        assert isinstance(verdict, Ok), verdict
        rows.append({"transactions": size, "keys": keys, "seconds": took})
        print(f"| {size:,} | {keys:,} | 20 | {shown(took)} | {size / took:,.0f} |", flush=True)
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest number of operations")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    figures = {"registers": single_items(options.most), "transactions": several_items(options.most)}
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
