"""Results of a run as data, and everything that is rendered from them. Imports no other component."""
