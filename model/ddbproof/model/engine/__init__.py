"""The engine: what proves, explores, searches and replays transition systems. It knows no protocol.

`values` and `system` are what a system is written with, `symbolic` runs Python on unknowns, `prove` shows invariants
for any number of steps, `explore` goes through a small world whole, `bounded` looks for counterexamples with
the solver's own numbers, `mutants` finds out whether all of them notice a wrong kernel, `replay` takes the
steps of a recorded run again, and `campaign` proves everything at once.
"""
