"""Testing: a test's own run of an app, and suites for third parties' adapters."""
