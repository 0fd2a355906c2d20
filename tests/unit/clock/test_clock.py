from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stackledger.clock import Clock, ManualClock, SystemClock


def run(test: Callable[[ManualClock], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        return await test(ManualClock())

    return asyncio.run(main())


def test_sleepers_wake_in_order_and_see_their_own_time() -> None:
    async def test(clock: ManualClock) -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            seen.append((name, clock.monotonic()))

        tasks = [asyncio.create_task(sleeper(f"{s:g}", s)) for s in (5, 1, 3, 9)]
        await clock.advance(6)
        assert [t.done() for t in tasks] == [True, True, True, False]
        tasks[-1].cancel()
        return seen

    assert run(test) == [("1", 1.0), ("3", 3.0), ("5", 5.0)]


def test_a_sleeper_that_sleeps_again_within_one_advance_is_woken_each_time() -> None:
    async def test(clock: ManualClock) -> list[float]:
        ticks: list[float] = []

        async def ticker() -> None:
            while True:
                await clock.sleep(2)
                ticks.append(clock.monotonic())

        task = asyncio.create_task(ticker())
        await clock.advance(7)
        task.cancel()
        return ticks

    assert run(test) == [2, 4, 6]


def test_a_step_of_the_wall_clock_moves_no_schedule() -> None:
    async def test(clock: ManualClock) -> None:
        began = clock.now()
        task = asyncio.create_task(clock.sleep(10))
        await clock.advance(1)
        clock.step_wall(-3600)
        assert clock.monotonic() == 1
        assert clock.now() == began + 1 - 3600
        await clock.advance(8)
        assert not task.done()
        await clock.advance(1)
        assert task.done()

    run(test)


def test_no_sleep_at_all_needs_no_advance() -> None:
    async def test(clock: ManualClock) -> None:
        await asyncio.wait_for(clock.sleep(0), 1)
        await asyncio.wait_for(clock.sleep(-5), 1)

    run(test)


def test_time_never_runs_backwards_when_two_tasks_advance() -> None:
    async def test(clock: ManualClock) -> None:
        times: list[float] = []

        async def mover(step: float) -> None:
            for _ in range(5):
                await clock.advance(step)
                times.append(clock.monotonic())

        await asyncio.gather(mover(1), mover(7))
        assert times == sorted(times)

    run(test)


def test_alarms_of_timeouts_that_did_not_expire_are_not_kept() -> None:
    async def test(clock: ManualClock) -> None:
        for _ in range(5000):
            async with clock.timeout(3600):
                pass
        assert len(clock._sleepers) < 200

    run(test)


def the_clocks() -> list[Any]:
    return [pytest.param(ManualClock, id="manual"), pytest.param(SystemClock, id="system")]


async def let_pass(clock: Clock, seconds: float) -> None:
    """Time passes for the test's other tasks, whichever clock it is."""
    if isinstance(clock, ManualClock):
        await clock.advance(seconds)
    else:
        await asyncio.sleep(seconds)


@pytest.mark.parametrize("make", the_clocks())
class TestTimeout:
    """What asyncio.timeout does, ManualClock's does: the same tests for both."""

    def run(self, test: Callable[[Clock], Awaitable[Any]], make: Callable[[], Clock], *, passing: float = 0.05) -> Any:
        async def main() -> Any:
            clock = make()
            task = asyncio.ensure_future(test(clock))
            await asyncio.sleep(0)
            await let_pass(clock, passing)
            return await asyncio.wait_for(task, 2)

        return asyncio.run(main())

    def test_an_overdue_block_raises(self, make: Callable[[], Clock]) -> None:
        async def test(clock: Clock) -> int:
            with pytest.raises(TimeoutError):
                async with clock.timeout(0.01):
                    await asyncio.Event().wait()
            task = asyncio.current_task()
            assert task is not None
            return task.cancelling()

        assert self.run(test, make) == 0

    def test_a_block_in_time_is_left_alone(self, make: Callable[[], Clock]) -> None:
        async def test(clock: Clock) -> str:
            async with clock.timeout(10):
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            return "fine"

        assert self.run(test, make) == "fine"

    def test_a_block_that_swallows_its_cancellation_leaves_the_task_usable(self, make: Callable[[], Clock]) -> None:
        async def test(clock: Clock) -> str:
            async with clock.timeout(0.01):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            with pytest.raises(TimeoutError):
                async with clock.timeout(0):
                    await asyncio.Event().wait()
            return "usable"

        assert self.run(test, make) == "usable"

    def test_a_library_that_turns_cancellation_into_its_own_error_keeps_that_error(
        self, make: Callable[[], Clock]
    ) -> None:
        async def test(clock: Clock) -> int:
            with pytest.raises(ValueError, match="closed"):  # noqa: PT012 - the block is what is tested
                async with clock.timeout(0.01):
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        raise ValueError("closed") from None
            task = asyncio.current_task()
            assert task is not None
            return task.cancelling()

        assert self.run(test, make) == 0

    def test_the_inner_one_expires_alone(self, make: Callable[[], Clock]) -> None:
        async def test(clock: Clock) -> str:
            async with clock.timeout(100):
                with pytest.raises(TimeoutError):
                    async with clock.timeout(0.01):
                        await asyncio.Event().wait()
                return "outer goes on"

        assert self.run(test, make) == "outer goes on"

    def test_the_outer_one_expires_through_the_inner(self, make: Callable[[], Clock]) -> None:
        async def test(clock: Clock) -> str:
            inner = "entered"
            with pytest.raises(TimeoutError):  # noqa: PT012 - the block is what is tested
                async with clock.timeout(0.01):
                    try:
                        async with clock.timeout(100):
                            await asyncio.Event().wait()
                    except TimeoutError:
                        inner = "wrongly expired"
            return inner

        assert self.run(test, make) == "entered"

    def test_cancellation_from_outside_stays_cancellation(self, make: Callable[[], Clock]) -> None:
        async def main() -> None:
            clock = make()

            async def body() -> None:
                async with clock.timeout(100):
                    await asyncio.Event().wait()

            task = asyncio.create_task(body())
            await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def test_it_works_while_the_task_is_being_cancelled(self, make: Callable[[], Clock]) -> None:
        """Cleaning up under cancellation has time limits too."""

        async def main() -> str:
            clock = make()

            async def body() -> str:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    try:
                        async with clock.timeout(0.01):
                            await asyncio.Event().wait()
                    except TimeoutError:
                        return "limited"
                return "never"

            task = asyncio.create_task(body())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.sleep(0)
            await let_pass(clock, 0.05)
            return await asyncio.wait_for(task, 2)

        assert asyncio.run(main()) == "limited"


def test_the_same_seed_gives_the_same_chance() -> None:
    for make in (lambda: ManualClock(seed=7), lambda: SystemClock(seed=7)):
        one, other = make(), make()
        numbers = [one.random() for _ in range(100)]
        assert numbers == [other.random() for _ in range(100)]
        assert all(0 <= n < 1 for n in numbers)
        assert len(set(numbers)) == 100


def test_the_system_clock_is_the_machines() -> None:
    async def main() -> None:
        clock = SystemClock()
        assert abs(clock.now() - time.time()) < 1
        began = clock.monotonic()
        await clock.sleep(0.02)
        assert 0.02 <= clock.monotonic() - began < 5

    asyncio.run(main())
