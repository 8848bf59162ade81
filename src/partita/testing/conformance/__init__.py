"""The suites every adapter must pass: `store.CASES` and `bus.CASES`, each case an async function of a factory."""
