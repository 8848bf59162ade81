"""The appendices of a document: the parts that a reader looks up, each behind a link of the section that needs it."""
