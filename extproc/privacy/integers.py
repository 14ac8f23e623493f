"""JSON numbers as the digits of an integer: cards, accounts and ids are written so too, whatever the notation.

Numbers with a fraction are measures, and are not searched: one in forty of the random ones with 16 digits would pass
for a card.
"""

from decimal import Decimal

MOST_DIGITS = 40


def as_integer(written: str) -> bytes:
    """The digits of a JSON number without its sign; an empty text if it is no integer, or longer than anything known.

    `4.111e3` and `4111.0` are the integer 4111.
    """
    if len(written) > MOST_DIGITS:
        return b""
    digits = written.removeprefix("-")
    if digits.isdigit():
        return digits.encode("ascii")
    number = Decimal(digits)
    if not 0 <= number.adjusted() < MOST_DIGITS or number != number.to_integral_value():
        return b""
    return b"%d" % int(number)
