"""The shop under fire: its processes are killed, bugs are planted, and a ledger counts what was lost or done twice."""
