"""Stateful fuzzing: Hypothesis drives an endpoint and the specification side by side, and compares every answer."""
