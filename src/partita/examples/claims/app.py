"""Insurance claims, the third example: five services, and a saga that waits twenty days for a person.

    export PARTITA_APP=partita.examples.claims.app:app
    partita run                                  # all five services, until Ctrl-C
    python -m partita.examples.claims.app        # in a second terminal: a claim is filed; again: nothing happens twice
    partita task list                            # the claim waits for an adjuster, under an id
    partita task do ID ClaimApproved amount_cents=90000 --as anna --reason "photos seen"
    uvicorn partita.examples.claims.web:web      # the same in a browser, with PARTITA_ACTOR and PARTITA_SECRET set
    partita journey claim-1                      # each message from the loss to the payout

Read `messages.py`, `sagas.py`, then `desk.py`; `test_claims.py` in `tests/integration/examples/claims` has each way in which a
claim can end. The design of this domain is `docs/designs/claims.yaml`.
"""

from __future__ import annotations

import asyncio

from partita import App
from partita.examples.claims import claims, desk, fraud, payouts, policies, sagas, services
from partita.examples.claims.messages import ClaimFiled, ClaimId, FileClaim, OpenPolicy, PolicyId

DECLARED = (claims, policies, fraud, desk, payouts, sagas)  # importing them declares their handlers and sagas
app = App(services.claims, services.policies, services.fraud, services.desk, services.payouts)


async def one_claim(insurer: App, claim_id: ClaimId) -> ClaimFiled:
    """A policy is opened and a claim is filed. Each key names one form, so a form that is sent again changes nothing."""
    policy_id = PolicyId("policy-7")
    await insurer.send(OpenPolicy(policy_id=policy_id, sum_cents=100_000), idempotency_key=f"{policy_id} opened")
    return await insurer.send(
        FileClaim(claim_id=claim_id, policy_id=policy_id, loss="a burst pipe", claimed_cents=120_000)
    )


async def main() -> None:
    """File one claim from a process that runs no service: `partita run` does the rest."""
    async with app.running(services=["policy-service", "claims-service"], roles=()):
        print(await one_claim(app, ClaimId("claim-1")))  # noqa: T201  # a script's output


if __name__ == "__main__":
    asyncio.run(main())
