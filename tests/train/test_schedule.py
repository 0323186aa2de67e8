"""The learning rate: warm-up, cosine and end, against torch's own schedulers."""

import pytest

torch = pytest.importorskip("torch")

from hounsfield.train.schedule import Schedule  # noqa: E402


def rates(schedule: Schedule) -> list[float]:
    return [schedule.learning_rate(step) for step in range(schedule.step_count)]


def test_cosine_is_torchs() -> None:
    schedule = Schedule(0.1, 0, 50, 0.001)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 50, eta_min=0.1 * 0.001)
    for rate in rates(schedule):
        assert rate == pytest.approx(theirs.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        theirs.step()


def test_warm_up_rises_evenly_to_the_highest_rate() -> None:
    found = rates(Schedule(0.4, 4, 20))
    assert found[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert max(found) == pytest.approx(0.4)
    assert found[4:] == sorted(found[4:], reverse=True)


def test_after_the_end_the_rate_stays_at_its_lowest() -> None:
    schedule = Schedule(1.0, 2, 10, 0.01)
    assert schedule.learning_rate(10) == pytest.approx(0.01)
    assert schedule.learning_rate(1000) == pytest.approx(0.01)


def test_a_warm_up_longer_than_the_run_does_not_fail() -> None:
    assert all(rate > 0 for rate in rates(Schedule(1.0, 8, 4)))
