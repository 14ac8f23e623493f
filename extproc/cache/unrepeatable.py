"""What keeps an answer from being put together: it is delivered, and not kept."""


class Unrepeatable(Exception):
    """A stream that cannot be said again as it was. Carries no content."""
