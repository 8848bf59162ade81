"""The flow map of an app: which message goes where, why, and what a reader of it should mend."""
