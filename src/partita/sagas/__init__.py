"""Sagas: declared as steps, checked at import, decided by a pure engine."""
