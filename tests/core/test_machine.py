"""Linear algebra keeps to one thread inside, and is as before outside, whoever leaves first."""

from __future__ import annotations

from threadpoolctl import threadpool_info

from dopafit.core.machine import single_threaded


def blas_threads() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_linear_algebra_keeps_to_one_thread_until_the_last_has_left() -> None:
    before = blas_threads()
    first, second = single_threaded(), single_threaded()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(blas_threads()) <= {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before

    @single_threaded()
    def inside() -> list[int]:
        return blas_threads()

    assert set(inside()) <= {1} and blas_threads() == before
