"""Mails that leave together are claimed sooner: none of their places in the pace is missed."""

from __future__ import annotations

import pytest

from tests.sending.test_batches import Post

#: Seconds that a claim of these takes, with composing, on a machine that has other things to do.
CLAIMS = {1: 0.03, 50: 0.09}


class SlowToClaim(Post):
    """As `Post`, but its claims take time."""

    def deliver_next(self, most, wait):
        def after_the_claim():
            self.sleep(None, CLAIMS[most])
            wait()

        return super().deliver_next(most, after_the_claim)


@pytest.mark.parametrize(("batch", "rate"), [(50, 200.0), (1, 4.0)])
def test_a_claim_that_takes_its_time_costs_no_place(batch, rate):
    post = SlowToClaim(10 * batch)
    post.drain(batch, rate=rate)
    gaps = [
        after - before for before, after in zip(post.moments[1:], post.moments[2:], strict=False)
    ]
    assert gaps == pytest.approx([0.25] * 8, abs=0.04)
