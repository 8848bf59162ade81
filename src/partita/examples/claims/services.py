"""The five services and their tables; no service reads the tables of another."""

from __future__ import annotations

from partita import Service

claims = Service(
    "claims-service",
    namespace="insurance.claim",
    team="claims",
    tables="""
        CREATE TABLE IF NOT EXISTS filed_claim (
            claim_id TEXT PRIMARY KEY, claimed_cents BIGINT NOT NULL, status TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '', paid_cents BIGINT NOT NULL DEFAULT 0);
    """,
)
policies = Service(
    "policy-service",
    namespace="insurance.policy",
    team="policy",
    tables="""
        CREATE TABLE IF NOT EXISTS policy (
            policy_id TEXT PRIMARY KEY, free_cents BIGINT NOT NULL);
        CREATE TABLE IF NOT EXISTS cover (
            claim_id TEXT PRIMARY KEY, policy_id TEXT NOT NULL, cents BIGINT NOT NULL, status TEXT NOT NULL);
    """,
)
fraud = Service(
    "fraud-service",
    namespace="insurance.fraud",
    team="siu",
    tables="""
        CREATE TABLE IF NOT EXISTS fraud_case (
            claim_id TEXT PRIMARY KEY, policy_id TEXT NOT NULL, score DOUBLE PRECISION NOT NULL, status TEXT NOT NULL);
    """,
)
desk = Service(
    "adjuster-desk",
    namespace="insurance.desk",
    team="claims",
    tables="""
        CREATE TABLE IF NOT EXISTS letter (
            number BIGINT NOT NULL, claim_id TEXT NOT NULL, receiver TEXT NOT NULL, PRIMARY KEY (claim_id, number));
        CREATE TABLE IF NOT EXISTS closed (
            claim_id TEXT PRIMARY KEY);
    """,
)
payouts = Service(
    "payout-service",
    namespace="insurance.payout",
    team="finance",
    tables="""
        CREATE TABLE IF NOT EXISTS payout (
            claim_id TEXT PRIMARY KEY, policy_id TEXT NOT NULL, cents BIGINT NOT NULL);
    """,
)
