"""Errors of the reference endpoint, drawn as a tree.

    ServiceError                     an answer of the API with an error code; carries its HTTP status
    ├── CallerError                  4xx: the request is at fault
    │   ├── ValidationError          ValidationException
    │   ├── SerializationError       SerializationException: the body is not what the operation takes
    │   ├── AuthenticationError      missing, incomplete or wrong signature; unknown access key
    │   └── NotBuiltError            the operation or parameter exists in DynamoDB and is not built here yet
    └── EndpointError                5xx: the endpoint cannot serve a rightful request
        └── UnavailableError         too little of the Region is there; the request may be sent again
    ConfigurationError               the person who starts the endpoint asked for something impossible
    InvariantError                   our own bug: never shown as the caller's fault

`ServiceError` is what the wire layer turns into an error envelope. Codes modelled by AWS live in the
namespace `com.amazonaws.dynamodb.v20120810`, codes of the framework in `com.amazon.coral.*` (AP-16); the
namespace is chosen here, so that every caller writes the plain code only.
"""

from __future__ import annotations

from typing import Any

_SERVICE_NAMESPACE = "com.amazonaws.dynamodb.v20120810#"
_FRAMEWORK_NAMESPACES = {
    "ValidationException": "com.amazon.coral.validate#",
    "ThrottlingException": "com.amazon.coral.availability#",
    "SerializationException": "com.amazon.coral.service#",
    "UnknownOperationException": "com.amazon.coral.service#",
    "RequestEntityTooLargeException": "com.amazon.coral.service#",
    "MissingAuthenticationTokenException": "com.amazon.coral.service#",
    "MissingAuthenticationToken": "com.amazon.coral.service#",
    "IncompleteSignatureException": "com.amazon.coral.service#",
    "InvalidSignatureException": "com.amazon.coral.service#",
    "UnrecognizedClientException": "com.amazon.coral.service#",
    "AccessDeniedException": "com.amazon.coral.service#",
}


class ServiceError(Exception):
    """An error answer of the API.

    Parameters: `code`, AWS's plain name of the exception; `message`, the sentence the caller reads;
    `status`, the HTTP status; `extra`, members beside the message (for example `Item`).
    """

    def __init__(
        self, code: str, message: str, *, status: int = 400, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra or {}
        self.cause: str | None = None
        self.hint: str | None = None

    @property
    def qualified_code(self) -> str:
        """The value of `__type`: the code with its namespace."""
        return _FRAMEWORK_NAMESPACES.get(self.code, _SERVICE_NAMESPACE) + self.code


class CallerError(ServiceError):
    """The request is at fault."""


class ValidationError(CallerError):
    """ValidationException."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class TransactionConflictError(CallerError):
    """TransactionConflictException: a transaction that is not finished holds the item."""

    def __init__(self) -> None:
        super().__init__("TransactionConflictException", "Transaction is ongoing for the item")


class SerializationError(CallerError):
    """SerializationException: the body cannot be read as the operation's input."""

    def __init__(self, message: str) -> None:
        super().__init__("SerializationException", message)


class AuthenticationError(CallerError):
    """The request is not signed as it should be."""


class NotBuiltError(CallerError):
    """An operation or parameter that DynamoDB has and this endpoint does not have yet."""

    def __init__(self, what: str) -> None:
        super().__init__(
            "UnknownOperationException", f"{what} is not implemented by the ddbproof reference endpoint yet"
        )


class EndpointError(ServiceError):
    """The endpoint cannot serve a rightful request."""

    def __init__(self, message: str = "Internal server error", *, status: int = 500) -> None:
        super().__init__("InternalServerError", message, status=status)


class UnavailableError(EndpointError):
    """Too few replicas of a partition are there, or it has no leader just now.

    A read was not answered, and a write may or may not be done later; `cause` is for the log, since DynamoDB tells
    its callers nothing of it.
    """

    def __init__(self, cause: str) -> None:
        super().__init__()
        self.cause = cause


class ConfigurationError(Exception):
    """The endpoint cannot be started, or the tester's hand cannot be used, as asked."""

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class InvariantError(AssertionError):
    """Our own bug: something that the code promises itself does not hold."""
