"""Raw series of two counters: what a process and a pod have counted, whoever scrapes them and whatever is missing."""

from hypothesis import given
from hypothesis import strategies as st

from ekiben.signals.processes import Pod, Process
from ekiben.signals.prometheus_api import Series

ONE, TWO, THREE = ("one",), ("two",), ("three",)


def series(name, *samples, **labels):
    return Series({"__name__": name, **labels}, tuple((float(at), float(count)) for at, count in samples))


def told(*samples, name="trials", **labels):
    return {"i": [series(name, *samples, **labels)]}


STEPS = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=12)


@given(STEPS, st.data())
def test_what_comes_late_or_is_read_again_counts_once(steps, data):
    """Three series of one process; each reading knows some of each one's samples, the last reading all of them."""
    values = [[sum(step[k] for step in steps[: at + 1]) for at in range(len(steps))] for k in range(3)]
    process, seen = Process(), [0, 0, 0]
    # All series are there in the first scrape.
    process.take([series("t", (0, values[k][0]), k=str(k)) for k in range(3)], [])
    for _ in range(data.draw(st.integers(0, 5))):
        seen = [data.draw(st.integers(known, len(steps) - 1)) for known in seen]
        process.take([series("t", *enumerate(values[k][: seen[k] + 1]), k=str(k)) for k in range(3)], [])
        assert process.trials == sum(values[k][seen[k]] - values[k][0] for k in range(3))
    process.take([series("t", *enumerate(values[k]), k=str(k)) for k in range(3)], [])
    assert process.trials == sum(map(sum, steps[1:]))


def test_a_restart_counts_from_zero_and_so_does_a_series_that_begins_later():
    process = Process()
    process.take([series("t", (0, 50), (1, 60), (2, 4))], [series("e", (1, 2), (2, 1))])
    assert (process.trials, process.events) == (10 + 4, 2 + 1)


def test_series_that_all_got_other_labels_are_references():
    process = Process()
    process.take([series("t", (0, 500), (1, 510))], [series("e", (0, 50), (1, 51))])
    process.take([series("t", (2, 520), (3, 530), team="a")], [series("e", (2, 52), (3, 53), team="a")])
    assert (process.trials, process.events) == (20, 2)


def test_events_wait_for_the_trials_of_their_moment():
    pod = Pod()
    pod.take({ONE: told((0, 0), (1, 5))}, {ONE: told((0, 0), (1, 1), (2, 4), name="events")}, 0.0)
    assert (pod.trials, pod.events) == (5, 1)
    pod.take({ONE: told((0, 0), (1, 5), (2, 9))}, {ONE: told((0, 0), (1, 1), (2, 4), name="events")}, 0.0)
    assert (pod.trials, pod.events) == (9, 4)


def test_values_that_are_no_counts_say_nothing():
    process = Process()
    process.take([series("t", (0, 1), (1, float("nan")), (2, float("inf")), (3, 1e308), (4, -1), (5, 3))], [])
    assert process.trials == 2


def test_the_one_who_scrapes_is_kept_while_it_answers():
    pod = Pod()
    pod.take({ONE: told((0, 1000), (15, 1010)), TWO: told((3, 1002))}, {}, 0.0)
    # One scrape fails, and the other has more samples now.
    pod.take({ONE: told((15, 1010)), TWO: told((3, 1002), (18, 1012), (33, 1022))}, {}, 0.0)
    assert pod.trials == 10
    pod.take({ONE: told((15, 1010), (45, 1030)), TWO: told((18, 1012), (33, 1022), (48, 1032))}, {}, 0.0)
    assert pod.trials == 30
    # It is gone: nothing of the time that it has told is taken from the other one.
    pod.take({ONE: told((45, 1030)), TWO: told((33, 1022), (48, 1032), (63, 1042), (78, 1052))}, {}, 60.0)
    assert (pod.trials, pod.at) == (30 + 20, 78)


def test_trials_before_the_first_events_of_another_process_do_not_count():
    pod = Pod()
    trials = {ONE: told((0, 0), (15, 10), (30, 20), (45, 30))}
    pod.take(trials, {TWO: told((14, 700), (31, 702), (46, 705), name="events")}, 0.0)
    assert (pod.trials, pod.events) == (20, 2)


def test_two_who_scrape_one_process_double_no_event():
    pod = Pod()
    pod.take({ONE: told((0, 0), (15, 10)), TWO: told((3, 2), (18, 12))}, {}, 0.0)
    # The first event, known to the one a moment before the other.
    trials = {ONE: told((0, 0), (15, 10), (30, 20)), TWO: told((3, 2), (18, 12), (33, 22))}
    pod.take(trials, {TWO: told((33, 1), name="events")}, 0.0)
    trials = {ONE: told((15, 10), (30, 20), (45, 30)), TWO: told((18, 12), (33, 22), (48, 32))}
    pod.take(trials, {ONE: told((45, 2), name="events"), TWO: told((33, 1), (48, 2), name="events")}, 0.0)
    assert pod.events <= 2
    assert pod.trials <= 30
