"""What clients notice when one Availability Zone fails, and when two do: figures, and pictures for the docs.

    make availability

Requests are never repeated. The pictures show, for each tenth of a second, what share of the requests was answered.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ddbproof.reference_impl.simulation.availability import KINDS, Measured, Sample, Scenario, measure

SCENARIOS = (
    Scenario("one-zone-down", (0,)),
    Scenario("two-zones-down", (0, 1)),
)
DOCS = Path(__file__).resolve().parent.parent / "docs" / "pictures"
BUCKET = 0.1
WIDTH, HEIGHT, LEFT, TOP = 720, 84, 150, 40
COLOURS = {True: "#2e7d4f", False: "#c0392b"}


def panels(measured: Measured) -> list[tuple[str, list[Sample]]]:
    """Groups of requests that fare alike, with their titles."""
    rows = [(kind, [it for it in measured.samples if it.kind == kind]) for kind in KINDS]
    if len(measured.scenario.zones) > 1:
        return rows
    split = []
    for kind, samples in rows[:2]:
        split.append(
            (f"{kind}s, led by that zone", [it for it in samples if it.led_there or _before(it, measured)])
        )
        split.append((f"{kind}s, led elsewhere", [it for it in samples if not it.led_there]))
    return [*split, (f"{KINDS[2]}s", rows[2][1])]


def _before(sample: Sample, measured: Measured) -> bool:
    return sample.second < measured.scenario.down_seconds


def svg(measured: Measured) -> str:
    """The picture."""
    scenario, rows = measured.scenario, panels(measured)
    height = TOP + len(rows) * HEIGHT + 30
    scale = (WIDTH - LEFT - 20) / scenario.end_seconds
    x = lambda second: LEFT + second * scale  # noqa: E731
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="10" y="20" font-size="14" font-weight="bold">{scenario.name.replace("-", " ")} from second {scenario.down_seconds:g} to {scenario.up_seconds:g}: requests answered, none repeated</text>',
        f'<rect x="{x(scenario.down_seconds):.1f}" y="{TOP - 8}" width="{(scenario.up_seconds - scenario.down_seconds) * scale:.1f}" height="{len(rows) * HEIGHT}" fill="#eeeeee"/>',
    ]
    for row, (title, samples) in enumerate(rows):
        base = TOP + row * HEIGHT + 56
        words = title.split(", ")
        for line, text in enumerate(words):
            parts.append(f'<text x="10" y="{base - 30 + 15 * line}">{text}</text>')
        buckets: dict[int, list[bool]] = {}
        for sample in samples:
            buckets.setdefault(int(sample.second / BUCKET), []).append(sample.answered)
        for bucket, answered in sorted(buckets.items()):
            share = sum(answered) / len(answered)
            width = BUCKET * scale
            left = x(bucket * BUCKET)
            parts.append(
                f'<rect x="{left:.1f}" y="{base - 50 * share:.1f}" width="{width:.2f}" height="{50 * share:.1f}" fill="{COLOURS[True]}"/>'
            )
            if share < 1:
                parts.append(
                    f'<rect x="{left:.1f}" y="{base - 50:.1f}" width="{width:.2f}" height="{50 * (1 - share):.1f}" fill="{COLOURS[False]}"/>'
                )
        parts.append(f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - 20}" y2="{base}" stroke="#555555"/>')
    parts.extend(
        f'<text x="{x(second):.1f}" y="{height - 12}" text-anchor="middle">{second}</text>'
        for second in range(int(scenario.end_seconds) + 1)
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> int:
    """Measure, print, draw."""
    DOCS.mkdir(parents=True, exist_ok=True)
    wrong = False
    for scenario in SCENARIOS:
        measured = measure(scenario)
        print(f"{scenario.name}: {len(measured.samples):,} requests, {scenario.partitions} partitions")
        for title, samples in panels(measured):
            errors = [it.second for it in samples if not it.answered]
            span = f", from second {min(errors):.2f} to {max(errors):.2f}" if errors else ""
            print(f"  {title}: {len(samples):,} requests, {len(errors):,} errors{span}")
        print(f"  answers: {measured.wrong or 'all right'}")
        wrong = wrong or bool(measured.wrong)
        (DOCS / f"{scenario.name}.svg").write_text(svg(measured))
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
