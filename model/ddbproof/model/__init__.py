"""The specification: what DynamoDB promises, and the protocols that keep the promises.

Imports nothing of the other components. `claims` holds every statement the project judges, `kernel` the
pure functions that the reference endpoint runs.
"""
