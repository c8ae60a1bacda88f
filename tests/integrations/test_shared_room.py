import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ce_nas.integrations.budget_books import Usage
from ce_nas.integrations.shared_room import MARGIN, WORKER_TIMEOUT_S, SharedRoom, Verdict

WORKERS = 3


class Store:
    """Records as a database has them: texts, so that nothing is shared in memory."""

    def __init__(self):
        self.texts, self.now_s = {}, 0.0

    def read(self):
        return {name: json.loads(text) for name, text in self.texts.items()}

    def write(self, name, content):
        self.texts[name] = json.dumps(content)

    def room(self, name):
        return SharedRoom(name, self.read, self.write, lambda: self.now_s)


def grams(value):
    return Usage(carbon_g=value)


class Interleavings(RuleBasedStateMachine):
    """Workers whose steps of storage come in any order; no trial takes more than it reserved."""

    @initialize(limit=st.floats(1.0, 30.0))
    def begin(self, limit):
        self.store, self.limit = Store(), limit
        self.rooms = [self.store.room(f"worker {number}") for number in range(WORKERS)]
        self.used = [0.0] * WORKERS
        self.next_number = 0
        #: worker to its trial: number, the step it comes to, and the verdict of its last look
        self.trials = {}
        self.refused = set()

    def sum_of_used(self):
        return sum(record["usage"]["carbon_g"] for record in self.store.read().values())

    def fits(self, coming):
        return self.sum_of_used() + coming.carbon_g <= self.limit

    @precondition(lambda self: len(self.trials) + len(self.refused) < WORKERS)
    @rule(data=st.data())
    def ask(self, data):
        free = [one for one in range(WORKERS) if one not in self.trials and one not in self.refused]
        worker = data.draw(st.sampled_from(free))
        self.rooms[worker].ask(self.next_number, grams(self.used[worker]))
        self.trials[worker] = (self.next_number, "look", None)
        self.next_number += 1

    @precondition(lambda self: any(step != "run" for _, step, _ in self.trials.values()))
    @rule(data=st.data())
    def go_on(self, data):
        worker = data.draw(st.sampled_from([key for key, one in self.trials.items() if one[1] != "run"]))
        number, step, verdict = self.trials[worker]
        room = self.rooms[worker]
        if step == "ask":
            room.ask(number, grams(self.used[worker]))
            self.trials[worker] = (number, "look", None)
        elif step == "look":
            verdict = room.look(number, self.fits)
            self.trials[worker] = (number, "look" if verdict is Verdict.LOOK_AGAIN else "settle", verdict)
        else:
            room.settle(number, verdict, grams(self.used[worker]))
            if verdict is Verdict.REFUSE:
                del self.trials[worker]
                self.refused.add(worker)
            else:
                self.trials[worker] = (number, "run" if verdict is Verdict.START else "ask", None)

    @precondition(lambda self: any(step == "run" for _, step, _ in self.trials.values()))
    @rule(data=st.data(), share=st.floats(0.01, 1.0), completed=st.booleans())
    def end(self, data, share, completed):
        worker = data.draw(st.sampled_from([key for key, one in self.trials.items() if one[1] == "run"]))
        number = self.trials.pop(worker)[0]
        room = self.rooms[worker]
        reserved = room.reserved_by(number).carbon_g
        taken = share * reserved if reserved else share * self.limit / WORKERS
        self.used[worker] += taken
        room.end(number, grams(taken), used=grams(self.used[worker]), completed=completed)

    @rule()
    def wait(self):
        """Nothing happens, as when every worker was refused."""

    @invariant()
    def the_budget_holds(self):
        assert self.sum_of_used() <= self.limit * (1 + 1e-9)

    @invariant()
    def before_a_first_result_one_trial_runs(self):
        if not any(record["has_completed"] for record in self.store.read().values()):
            assert sum(step == "run" for _, step, _ in self.trials.values()) <= 1

    @invariant()
    def what_runs_fits_whole(self):
        room = self.store.room("an observer")
        running = [key for key, one in self.trials.items() if one[1] == "run"]
        reserved = sum(self.rooms[key].reserved_by(self.trials[key][0]).carbon_g for key in running)
        assert room.used_by_others().carbon_g + reserved <= self.limit * (1 + 1e-9)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def start(room, number, limit, used=0.0):
    room.ask(number, grams(used))
    verdict = room.look(number, lambda coming: used + coming.carbon_g <= limit)
    room.settle(number, verdict, grams(used))
    return verdict


def after_first_trial(store, taken=1.0):
    room = store.room("first")
    assert start(room, 0, 100.0) is Verdict.START
    room.end(0, grams(taken), used=grams(taken), completed=True)
    return room


def test_of_two_that_ask_at_once_the_lower_number_starts():
    store = Store()
    after_first_trial(store)
    low, high = store.room("low"), store.room("high")
    low.ask(1, grams(0.0))
    high.ask(2, grams(0.0))
    fits_one = lambda coming: coming.carbon_g <= 1.5  # noqa: E731
    assert low.look(1, fits_one) is Verdict.LOOK_AGAIN
    assert high.look(2, fits_one) is Verdict.REFUSE
    high.settle(2, Verdict.REFUSE, grams(0.0))
    assert low.look(1, fits_one) is Verdict.START


def test_a_first_trial_runs_alone_but_for_those_asked_together_with_it():
    store = Store()
    one, other = store.room("one"), store.room("other")
    assert start(one, 0, 10.0) is Verdict.START
    assert start(other, 1, 10.0) is Verdict.WAIT
    one.ask(2, grams(0.0))
    assert one.look(2, lambda _: True, passed={0}) is Verdict.START
    one.settle(2, Verdict.REFUSE, grams(0.0))
    one.end(0, grams(1.0), used=grams(1.0), completed=False)  # failed: a length is not known yet
    assert start(other, 1, 10.0) is Verdict.START
    other.end(1, grams(2.0), used=grams(2.0), completed=True)
    assert one.reservation().carbon_g == pytest.approx(2.0 * (1 + MARGIN))


def test_a_trial_that_asked_before_a_length_was_known_asks_again_once_it_is():
    store = Store()
    first, other = store.room("first"), store.room("other")
    assert start(first, 0, 1.0) is Verdict.START
    other.ask(1, grams(0.0))  # nothing to reserve is known
    first.end(0, grams(0.9), used=grams(0.9), completed=True)
    fits = lambda coming: 0.9 + coming.carbon_g <= 1.0  # noqa: E731
    assert other.look(1, fits) is Verdict.WAIT
    other.settle(1, Verdict.WAIT, grams(0.0))
    other.ask(1, grams(0.0))
    assert other.look(1, fits) is Verdict.REFUSE


def test_a_killed_worker_keeps_its_usage_but_not_its_room():
    store = Store()
    after_first_trial(store, taken=3.0)
    killed, other = store.room("killed"), store.room("other")
    assert start(killed, 1, 100.0) is Verdict.START
    killed.update(grams(1.0), lambda _: grams(1.0))
    assert other.coming().carbon_g == pytest.approx(2.3)  # of 3.3 it has taken 1
    store.now_s += WORKER_TIMEOUT_S + 1
    assert other.coming().carbon_g == 0.0
    assert other.coming(more=2).carbon_g == pytest.approx(6.6)
    assert other.used_by_others().carbon_g == 4.0
