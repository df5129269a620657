"""What the systems are put to: one module for each system.

A proof says that nothing bad is reachable; a trial finds out what it is worth. *Covers* are what must stay
possible. *Mutants* are wrong kernels that must be caught, and harmless ones that must not. *Scopes* are
the small worlds that are explored for both. `judgements.toml` says why a mutant that no trace kills is as it should be.
"""
