"""From HTTP to an operation and back: JSON 1.0, SigV4, error envelope, limits."""
