"""The tester's hand: what a test may do to a running endpoint that no client can."""
