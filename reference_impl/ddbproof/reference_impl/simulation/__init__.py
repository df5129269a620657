"""Whole clusters under virtual time and seeded faults, and what must hold in every run of them."""
