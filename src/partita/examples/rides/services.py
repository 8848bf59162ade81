"""The four services and their tables; no service reads the tables of another."""

from __future__ import annotations

from partita import Service

rides = Service(
    "rides",
    namespace="city.ride",
    team="booking",
    migrations="migrations/rides",  # its table was changed since the first version: a folder of numbered SQL files
)
drivers = Service(
    "drivers",
    namespace="city.driver",
    team="fleet",
    tables="""
        CREATE TABLE IF NOT EXISTS driver (
            driver_id TEXT PRIMARY KEY, zone TEXT NOT NULL, seen_ms BIGINT NOT NULL, asks_first BIGINT NOT NULL,
            ride_id TEXT UNIQUE);
        CREATE TABLE IF NOT EXISTS offer (
            ride_id TEXT PRIMARY KEY, driver_id TEXT NOT NULL, zone TEXT NOT NULL, reply_to TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS declined (
            ride_id TEXT NOT NULL, driver_id TEXT NOT NULL, PRIMARY KEY (ride_id, driver_id));
        CREATE TABLE IF NOT EXISTS earning (
            ride_id TEXT PRIMARY KEY, driver_id TEXT NOT NULL, cents BIGINT NOT NULL);
    """,
)
payments = Service(
    "payments",
    namespace="city.payment",
    team="money",
    tables="""
        CREATE TABLE IF NOT EXISTS account (
            rider_id TEXT PRIMARY KEY, free_cents BIGINT NOT NULL);
        CREATE TABLE IF NOT EXISTS hold (
            ride_id TEXT PRIMARY KEY, rider_id TEXT NOT NULL, cents BIGINT NOT NULL, status TEXT NOT NULL);
    """,
)
notifications = Service(
    "notifications",
    namespace="city.notification",
    team="crm",
    tables="""
        CREATE TABLE IF NOT EXISTS screen (
            ride_id TEXT PRIMARY KEY, stage BIGINT NOT NULL, text TEXT NOT NULL, rings BIGINT NOT NULL DEFAULT 0);
        CREATE TABLE IF NOT EXISTS support_case (
            letter_id TEXT PRIMARY KEY, ride_id TEXT NOT NULL, cause TEXT NOT NULL);
    """,
)
