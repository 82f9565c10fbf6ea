"""A Ray cluster as the place where runs are played; only what is asked to run there needs Ray.

The nodes need tallygrid of the same release, and the traces that a scenario names at the same
path; everything else is sent, and what comes back is kept here.
"""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from tallygrid.lab.parts import LostError, Pool

_ANSWER_S: Final = 5.0
_TRIES: Final = 3
"""How often a task is played anew whose node was lost."""


class ClusterError(Exception):
    """A cluster cannot be used, and why."""


@contextmanager
def cluster(address: str) -> Iterator[Pool]:
    """Give the workers of the cluster whose head answers at an address, one for each core.

    Raises:
        ClusterError: Ray is not installed, nothing answers there, or the cluster's tallygrid is
            of another release.
    """
    if find_spec("ray") is None:
        message = "Ray is not installed. Install it with: pip install 'tallygrid[ray]'"
        raise ClusterError(f"{message} (in a checkout: make ray).")
    _knock(address)
    # Ray would put a `print` of its own in the place of Python's, for as long as we live.
    os.environ.setdefault("RAY_TQDM_PATCH_PRINT", "0")
    ray: Any = import_module("ray")  # a quarter of a gigabyte that others need not load
    quiet = {"logging_level": "ERROR", "log_to_driver": False, "configure_logging": False}
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ImportError) as error:
        why = str(error).strip().splitlines()[0]
        remedy = (
            "Give the address of a running head of the same Ray and Python; "
            "if it wants a token, set RAY_AUTH_MODE=token."
        )
        raise ClusterError(
            f"No Ray cluster could be joined at {address}: {why} {remedy}"
        ) from error
    try:
        executor = _Cluster(ray)
        executor.check_release()
        yield Pool(executor, max(1, int(ray.cluster_resources().get("CPU", 1))))
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ask whether anything listens there: Ray itself would wait for long, and say less.

    Raises:
        ClusterError: Nothing does, or this is no address.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        remedy = "Give the host and port of its head, such as 10.0.0.5:6379."
        raise ClusterError(f"`{address}` is no address of a Ray cluster. {remedy}")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        remedy = "Start one with `ray start --head`, or leave out --ray to use this machine."
        raise ClusterError(f"No Ray cluster answers at {address}: {error}. {remedy}") from error


class _Cluster(Executor):
    """Sends what is submitted to a cluster; a lost node's tasks go to another."""

    def __init__(self, ray: Any) -> None:  # noqa: ANN401  # Ray has no types of its own here
        self._ray = ray
        self._play = ray.remote(max_retries=_TRIES, num_cpus=1)(_played)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **given: Any) -> Future[Any]:  # noqa: ANN401  # its base's
        """Send a call; a future of a lost one raises LostError."""
        future: Future[Any] = Future()

        def hand_on(found: Future[Any]) -> None:
            error = found.exception()
            if error is None:
                future.set_result(found.result())
            else:
                future.set_exception(self._told(error))

        future.set_running_or_notify_cancel()
        self._play.remote(fn, args, given).future().add_done_callback(hand_on)
        return future

    def _told(self, error: BaseException) -> BaseException:
        """Return our own mistake where a task raised one, and a loss for Ray's own."""
        errors = self._ray.exceptions
        if isinstance(error, errors.RayTaskError):
            return error.cause if isinstance(error.cause, BaseException) else error
        if isinstance(error, errors.RayError):
            return LostError(f"the cluster lost them: {type(error).__name__}")
        return error

    def check_release(self) -> None:
        """Ask a worker which release of tallygrid it has.

        Raises:
            ClusterError: None at all, or another one.
        """
        ours = version("tallygrid")
        try:
            theirs = self.submit(version, "tallygrid").result()
        except Exception as error:
            message = "The nodes of the cluster do not have tallygrid. Install it on each of them."
            raise ClusterError(message) from error
        if theirs != ours:
            remedy = "Install the same release on each of them."
            raise ClusterError(f"The cluster has tallygrid {theirs}, this is {ours}. {remedy}")


def _played(fn: Callable[..., Any], args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever is asked
    return fn(*args, **given)
