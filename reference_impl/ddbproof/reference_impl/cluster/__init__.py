"""Regions, tables and what happens between them."""
