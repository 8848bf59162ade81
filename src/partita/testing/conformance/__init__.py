"""The suites that every adapter must pass: `store.CASES`, `registry.CASES`, and `bus.plan(features)`.

A case is an async function of a factory.
"""
