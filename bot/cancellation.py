"""Work that must not be left half done."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Lasting(asyncio.Future[T]):
    """A future that is not cancelled together with the task that awaits it.

    A task that is cancelled asks the future it awaits to be cancelled, too. This one declines, so the task raises its
    cancellation as soon as the future is done.
    """

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002  # nobody reads it then
        return False


async def to_its_end(work: Awaitable[T]) -> T:
    """Await `work` to its end even if this task is cancelled; then raise the cancellation.

    `asyncio.run` cancels whatever is left when it ends, and with it `work` itself, unless that is a plain future, such
    as `run_in_executor` returns.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # mark it as seen; the cancellation matters more here
        raise


async def in_thread_to_its_end(threads: Executor, work: Callable[[], T]) -> T:
    """As `to_its_end`, for `work` in one of `threads`, with fewer turns of the event loop."""
    loop = asyncio.get_running_loop()
    done: Lasting[T] = Lasting(loop=loop)

    def hand_over(ended: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(_settle, done, ended)

    threads.submit(work).add_done_callback(hand_over)
    return await done


def _settle(done: Lasting[T], ended: Future[T]) -> None:
    if ended.cancelled():
        done.set_exception(RuntimeError("the threads were shut down before the work had begun"))
    elif (error := ended.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(ended.result())
