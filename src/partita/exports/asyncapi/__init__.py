"""AsyncAPI 3.1: the document of an app, and a document read back as declarations."""
