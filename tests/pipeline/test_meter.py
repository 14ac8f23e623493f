"""The meter of a stream: it counts no more often than it must, and never too little."""

from extproc.pipeline.meter import OutputMeter


class Words:
    """A token is a word; remembers how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, text: str) -> int:
        self.asked += 1
        return len(text.split())


def test_nothing_is_counted_while_the_bytes_fit() -> None:
    text: list[str] = []
    words = Words()
    meter = OutputMeter(text, words)
    for _ in range(25):
        text.append("four")
        assert not meter.exceeds(100)
    assert words.asked == 0


def test_a_character_of_several_bytes_may_be_as_many_tokens() -> None:
    meter = OutputMeter(["𐀀𐀁𐀂𐀃"], lambda text: 4 * len(text))  # as o200k_base has these
    assert meter.exceeds(15)
    assert not meter.exceeds(16)


def test_what_no_longer_fits_is_counted() -> None:
    text = ["one two ", "three"]
    words = Words()
    meter = OutputMeter(text, words)
    assert not meter.exceeds(3)
    assert meter.exceeds(2)
    assert words.asked == 1
    text.append(" four five")
    assert meter.tokens() == 5
    assert words.asked == 2


def test_pieces_are_counted_once() -> None:
    text = ["a b"]
    words = Words()
    meter = OutputMeter(text, words)
    assert [meter.tokens(), meter.tokens(), meter.tokens()] == [2, 2, 2]
    assert words.asked == 1
