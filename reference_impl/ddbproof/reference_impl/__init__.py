"""A reference endpoint that speaks DynamoDB's wire protocol and keeps its availability promises.

`endpoint.ReferenceEndpoint` is the store, `embedded.in_process` gives boto3 clients without a socket, and
`server` puts it behind HTTP.
"""
