"""Prices, exact: from US dollars in the document to whole nano-dollars, and back."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from extproc.config.document_limits import AccountingSection, PriceEntry
from extproc.config.mistakes import Mistakes
from extproc.config.model import PriceOverride, UnknownPrice
from extproc.genai.money import Rates

_PLACES = 9  # of a dollar, down to a nano-dollar


def build_prices(entries: Iterable[tuple[str, PriceEntry]], mistakes: Mistakes) -> Iterator[PriceOverride]:
    """The prices of entries, each with where it stands; what is wrong with them is in `mistakes`."""
    seen: dict[tuple[str, str], str] = {}
    for path, entry in entries:
        first = seen.setdefault((entry.provider, entry.model), path)
        if first != path:
            mistakes.add(path, f"is the price of the same model as {first}")
        yield PriceOverride(
            provider=entry.provider,
            model=entry.model,
            input=_read(entry.input, f"{path}.input", mistakes),
            output=_read(entry.output, f"{path}.output", mistakes),
            cache_read=_read_optional(entry.cache_read, f"{path}.cache_read", mistakes),
            cache_creation=_read_optional(entry.cache_creation, f"{path}.cache_creation", mistakes),
        )


def build_default_price(section: AccountingSection, path: str, mistakes: Mistakes) -> Rates | None:
    """The price of models without one; what is wrong with it is in `mistakes`. `path` is where the section stands."""
    wanted, given = section.unknown_price is UnknownPrice.DEFAULT, section.default_price
    if wanted and given is None:
        mistakes.add(f"{path}.unknown_price", "the field 'default_price' is missing, and 'default' needs it")
    if given is None:
        return None
    where = f"{path}.default_price"
    if not wanted:
        mistakes.add(where, "has no meaning unless 'unknown_price' is 'default'")
    return Rates(_read(given.input, f"{where}.input", mistakes), _read(given.output, f"{where}.output", mistakes))


def nano_dollars(dollars: str | float) -> int:
    """US dollars, as written, in nano-dollars. Raises ValueError for what is not a whole number of them.

    A number that was written without quotes counts as its shortest decimal form.
    """
    exact = Decimal(str(dollars)).scaleb(_PLACES)
    if exact != exact.to_integral_value():
        raise ValueError("finer than a nano-dollar")
    return int(exact)


def dollars(nano: int) -> str:
    """Nano-dollars as US dollars, without trailing zeros: 2_500_000_000 is `2.5`."""
    whole, rest = divmod(nano, 10**_PLACES)
    return f"{whole}.{rest:0{_PLACES}d}".rstrip("0").rstrip(".")


def _read(dollars: str | float, path: str, mistakes: Mistakes) -> int:
    try:
        return nano_dollars(dollars)
    except ValueError:
        mistakes.add(path, "is finer than a nano-dollar per million tokens")
        return 0


def _read_optional(dollars: str | float | None, path: str, mistakes: Mistakes) -> int | None:
    return None if dollars is None else _read(dollars, path, mistakes)
