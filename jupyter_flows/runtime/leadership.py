"""Who may act: one lease, taken when free, watched otherwise.

No clock is compared between hosts. A holder is dead when its process is known to be gone, or when its beat has not
changed for the time to live on *our* monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable

from jupyter_flows.errors import LeaseLost
from jupyter_flows.runtime.identity import is_surely_dead
from jupyter_flows.storage.store import Lease, Owner, Store


class Leadership:
    """Takes, renews and gives up the lease for one scheduler."""

    def __init__(
        self,
        store: Store,
        owner: Owner,
        ttl: float,
        monotonic: Callable[[], float],
        is_dead: Callable[[Owner], bool] = is_surely_dead,
    ) -> None:
        self._store = store
        self._owner = owner
        self._ttl = ttl
        self._monotonic = monotonic
        self._is_dead = is_dead
        self._mine: Lease | None = None
        self._renewed = 0.0
        self._watched: tuple[Lease, float] | None = None

    @property
    def lease(self) -> Lease | None:
        """The lease, while it is ours."""
        return self._mine

    def hold(self) -> Lease | None:
        """Our lease, renewed when a third of its life is over, or taken now; None while another holds it.

        Raises LeaseLost when it was ours and is no longer.
        """
        if self._mine is not None:
            if self._monotonic() - self._renewed >= self._ttl / 3:
                self._renew(self._mine)
            return self._mine
        return self._try_to_take()

    def _renew(self, lease: Lease) -> None:
        asked = self._monotonic()
        try:
            self._mine = self._store.renew_lease(lease)
        except LeaseLost:
            self._mine = None
            raise
        self._renewed = asked

    def _try_to_take(self) -> Lease | None:
        asked = self._monotonic()
        holder = self._store.lease()
        if holder is None:
            taken = self._store.acquire_lease(self._owner)
        elif self._may_replace(holder):
            taken = self._store.acquire_lease(self._owner, after=holder)
        else:
            return None
        if taken is not None:
            self._mine, self._renewed, self._watched = taken, asked, None
        return taken

    def _may_replace(self, holder: Lease) -> bool:
        if self._is_dead(holder.owner):
            return True
        now = self._monotonic()
        if self._watched is None or self._watched[0] != holder:
            self._watched = (holder, now)
            return False
        return now - self._watched[1] >= self._ttl

    def forget(self) -> None:
        """It was lost: act as one who stands by."""
        self._mine = None

    def release(self) -> None:
        """Give it up, so that a peer takes over at once."""
        if self._mine is not None:
            self._store.release_lease(self._mine)
            self._mine = None
