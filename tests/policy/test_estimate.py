"""What is taken for likely, from what was seen."""

from extproc.policy.estimate import Estimator


def test_nothing_is_known_at_first() -> None:
    estimator = Estimator()
    assert estimator.output("key", "gpt-4o", stream=True) is None
    assert estimator.input("key", "gpt-4o", 100) == 100


def test_a_stream_is_taken_for_the_upper_quartile_of_those_before_it() -> None:
    estimator = Estimator()
    for tokens in (100, 100, 100, 1000):
        estimator.learn_output("key", "gpt-4o", tokens)
    assert estimator.output("key", "gpt-4o", stream=True) == 128
    assert estimator.output("key", "gpt-4o", stream=False) == 1024


def test_a_newcomer_is_judged_by_the_model() -> None:
    estimator = Estimator()
    for _ in range(4):
        estimator.learn_output("old", "gpt-4o", 60)
    assert estimator.output("new", "gpt-4o", stream=True) == 64
    assert estimator.output("new", "another", stream=True) is None


def test_what_is_long_ago_counts_less() -> None:
    estimator = Estimator()
    for _ in range(300):
        estimator.learn_output("key", "gpt-4o", 5000)
    for _ in range(600):
        estimator.learn_output("key", "gpt-4o", 10)
    assert estimator.output("key", "gpt-4o", stream=True) == 11


def test_an_answer_beyond_all_steps_is_the_largest_one() -> None:
    estimator = Estimator()
    for _ in range(4):
        estimator.learn_output("key", "gpt-4o", 10**9)
    assert estimator.output("key", "gpt-4o", stream=True) == 1_048_576


def test_our_own_count_of_input_is_corrected_by_the_providers() -> None:
    estimator = Estimator()
    for _ in range(60):
        estimator.learn_input("key", "claude", 100, 150)
    assert 148 <= estimator.input("key", "claude", 100) <= 150
    assert estimator.input("key", "gpt-4o", 100) == 100


def test_what_one_caller_sends_is_not_laid_to_another() -> None:
    estimator = Estimator()
    for _ in range(60):
        estimator.learn_input("other", "gpt-4o", 1000, 3000)
    assert estimator.input("text", "gpt-4o", 10_000) == 10_000


def test_a_count_that_missed_something_says_nothing() -> None:
    estimator = Estimator()
    for counted, actual in ((1, 10**12), (10, 1500), (1000, 10), (0, 5), (5, 0)):
        for _ in range(50):
            estimator.learn_input("key", "claude", counted, actual)
    assert estimator.input("key", "claude", 100) == 100


def test_whoever_was_not_heard_of_for_longest_is_forgotten() -> None:
    estimator = Estimator(least_known=1)
    estimator.learn_output("first", "model", 10)
    for number in range(9000):
        estimator.learn_output(f"key-{number}", "model", 1000)
    assert estimator.output("first", "other", stream=True) is None
    assert estimator.output("first", "model", stream=True) == 1024  # by the model's own history
