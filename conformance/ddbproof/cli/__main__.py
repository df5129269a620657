"""`python -m ddbproof.cli` is the same as `ddbproof`."""

from ddbproof.cli import main

main()
