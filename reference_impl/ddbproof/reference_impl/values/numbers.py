"""DynamoDB numbers: exact decimals with 38 significant digits.

Source: Developer Guide, "Naming rules and data types" (numbers: 38 digits of precision, magnitude 1E-130 to
9.99..E+125, either sign) and "DynamoDB item sizes" (one byte for two significant digits, plus one).

Choices:

- A number travels as text. The *canonical text* is the plain decimal notation that DynamoDB prints: no
  exponent, no leading or trailing zeros, no plus sign, and `0` for every zero. Two numbers are equal exactly
  when their canonical texts are.
- Only ASCII digits are read. AWS's own emulator also reads other scripts' digits; the guide does not say so.
- The guide calls the size formula approximate. We use (digits + 1) // 2 + 1, plus 1 for a negative number.
- Arithmetic is exact; a result that needs more than 38 digits is refused, never rounded.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

from ddbproof.reference_impl.errors import ValidationError

MAXIMUM_DIGITS = 38
MAXIMUM_EXPONENT = 125
MINIMUM_EXPONENT = -130

_TOO_PRECISE = "Attempting to store more than 38 significant digits in a Number"
_TOO_LARGE = "Number overflow. Attempting to store a number with magnitude larger than supported range"
_TOO_SMALL = "Number underflow. Attempting to store a number with magnitude smaller than supported range"

# Already canonical, and so short that neither the precision nor the magnitude can be out of range.
_is_canonical = re.compile(r"(?!-0\Z)-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{0,17}[1-9])?").fullmatch
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)0*([0-9]+))?")
# Wide enough for the exact sum of the largest and the smallest number (125 + 130 + 38 digits).
_EXACT = Context(prec=400)


def canonical(text: str) -> tuple[str, int]:
    """The canonical text of a number and its size in bytes.

    Raises `ValidationError` when `text` is no number or is out of range.

    >>> canonical("-001.50e1")
    ('-15', 3)
    """
    if text.isascii() and text.isdigit() and len(text) < 20 and (text[0] != "0" or text == "0"):
        return text, (len(text.rstrip("0")) + 1) // 2 + 1  # counters
    if _is_canonical(text):
        return text, size_bytes(text)
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        # The second form of AWS's sentence, for the empty text, has no colon.
        detail = f": {text}" if text else ""
        raise ValidationError(f"The parameter cannot be converted to a numeric value{detail}")
    sign, whole, fraction, exponent_sign, exponent_text = match.groups("")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", 1
    # Ten digits of exponent lie beyond any mantissa that fits a request: keep int() cheap.
    exponent = int(exponent_text[:10] or "0")
    exponent = (-exponent if exponent_sign == "-" else exponent) - len(fraction)
    significant = digits.rstrip("0")
    magnitude = exponent + len(digits) - 1
    if magnitude > MAXIMUM_EXPONENT:
        raise ValidationError(_TOO_LARGE)
    if magnitude < MINIMUM_EXPONENT:
        raise ValidationError(_TOO_SMALL)
    if len(significant) > MAXIMUM_DIGITS:
        raise ValidationError(_TOO_PRECISE)
    plain = _plain(significant, magnitude)
    plain = f"-{plain}" if sign == "-" else plain
    return plain, size_bytes(plain)


def _plain(significant: str, magnitude: int) -> str:
    """Plain notation of 0.ddd... or ddd...: `significant` digits, the first of weight 10 ** `magnitude`."""
    if magnitude < 0:
        return "0." + "0" * (-magnitude - 1) + significant
    if len(significant) <= magnitude + 1:
        return significant + "0" * (magnitude + 1 - len(significant))
    return f"{significant[: magnitude + 1]}.{significant[magnitude + 1 :]}"


def size_bytes(text: str) -> int:
    """The size of a number given in canonical text."""
    if text.isdigit():
        return (len(text.rstrip("0")) + 1) // 2 + 1
    digits = len(text.replace("-", "").replace(".", "").strip("0"))
    return (digits + 1) // 2 + 1 + (text[0] == "-")


def add(first: str, second: str) -> str:
    """The canonical text of the exact sum of two canonical texts.

    Raises `ValidationError` when the sum is out of range or needs more than 38 digits.
    """
    if len(first) < 19 and len(second) < 19 and first.isdigit() and second.isdigit():
        return str(int(first) + int(second))  # counters: no rule can be broken
    return canonical(format(_EXACT.add(Decimal(first), Decimal(second)), "f"))[0]


def subtract(first: str, second: str) -> str:
    """The canonical text of the exact difference `first - second`; raises as `add` does."""
    return canonical(format(_EXACT.subtract(Decimal(first), Decimal(second)), "f"))[0]
