"""Design -> the thirteen sections of its document, as blocks: each line has its mark, each number its arithmetic."""
