"""Checkers of recorded histories: could a correct store have answered like this?

A history is what clients saw: who asked what, when the call began and when its answer was there, and what the answer was.
Every checker answers *ok*, *violation* with a witness that a person can follow, or *unknown*; unknown is never ok.

    operations.py     the record of an operation, of a transaction, and the verdicts
    register.py       single items whose writes have values of their own: zones, pure Python, the reference
    register_fast.py  the same in numpy, for a million operations
    wgl.py            any sequential specification, by search within a budget; what the zones cannot judge
    transactions.py   dependencies between transactions and the cycles among them (graph.py, cycles.py, witnesses.py)
    vacuity.py        how much a history is worth as evidence
    formats.py        files: our own, and Jepsen's (edn.py, jepsen.py)
    checking.py       a history that is read from a file, judged by the checker that suits it
    simulated.py      histories of a store that is always right, for tests and measurements

Left out: eventually consistent reads, sessions, staleness, and several Regions in eventual mode; nothing here judges those.
"""
