"""A brief drafted from four answers in plain words: a pattern of a common domain, or what the nouns in the answers give."""
