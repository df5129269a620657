"""One transition system for each protocol: what may happen, what must hold, what must stay possible.

Each module declares one `System` over a kernel: see `engine/system.py` for what can be declared, and docs/model.md
for how to add one.
"""
