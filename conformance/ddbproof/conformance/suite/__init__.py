"""The tests, one file per area of claims. Each states a promise and tries to see it broken.

They are plain pytest functions on plain boto3 clients, run by `ddbproof.conformance.judge`.
"""
