"""Where entries and items are kept: the log, which is the only truth, what is folded from it, and its history."""
