"""Where entries and items are kept: the log, which is the only truth, and what is folded from it."""
