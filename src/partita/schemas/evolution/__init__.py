"""Evolution: whether a new schema may follow the earlier ones, and for each reason why not, what to do instead."""
