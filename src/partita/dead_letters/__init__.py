"""Dead letters: the messages that Partita gave up, and the parts of them that it keeps."""
