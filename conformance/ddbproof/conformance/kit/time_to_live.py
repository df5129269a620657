"""Time to live as a test handles it: a table with it on, and the wait for a deletion."""

from __future__ import annotations
