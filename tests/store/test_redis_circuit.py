from dataclasses import dataclass, field

from extproc.store.redis_circuit import Circuit


@dataclass
class Bench:
    """A circuit whose clock stands still, and what it told of itself."""

    chance: float = 0.0
    now: float = 100.0
    told: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.circuit = Circuit(
            0.05, lambda: self.now, lambda: self.chance, lambda: self.told.append(self.circuit.closed)
        )

    def fails_again_after(self, seconds: float) -> None:
        self.now += seconds
        assert self.circuit.admits()
        self.circuit.failed()


def test_a_failure_opens_it_for_a_pause() -> None:
    bench = Bench()
    assert bench.circuit.admits()

    bench.circuit.failed()

    assert not bench.circuit.admits()
    bench.now += 0.249
    assert not bench.circuit.admits()
    bench.now += 0.001
    assert bench.circuit.admits()


def test_one_probe_at_a_time_is_admitted() -> None:
    bench = Bench()
    bench.circuit.failed()
    bench.now += 0.25

    assert bench.circuit.admits()
    assert not bench.circuit.admits()
    bench.now += 0.05  # nothing was heard of the probe
    assert bench.circuit.admits()


def test_a_probe_that_succeeds_closes_it() -> None:
    bench = Bench()
    bench.circuit.failed()
    bench.now += 0.25
    bench.circuit.admits()

    bench.circuit.succeeded()

    assert bench.circuit.closed
    assert bench.circuit.admits()
    assert bench.told == [False, True]


def test_the_pause_doubles_up_to_two_seconds() -> None:
    bench = Bench()
    bench.circuit.failed()

    for pause in (0.25, 0.5, 1.0, 2.0, 2.0):
        bench.now += pause - 0.001
        assert not bench.circuit.admits()
        bench.fails_again_after(0.0011)

    assert bench.told == [False]


def test_a_pause_is_cut_by_up_to_half() -> None:
    bench = Bench(chance=1.0)
    bench.circuit.failed()

    bench.now += 0.125

    assert bench.circuit.admits()


def test_what_was_under_way_when_it_opened_makes_the_pause_no_longer() -> None:
    bench = Bench()
    for _ in range(10):
        bench.circuit.failed()

    bench.now += 0.25

    assert bench.circuit.admits()
