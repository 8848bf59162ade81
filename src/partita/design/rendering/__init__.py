"""Documents as Markdown, as one HTML page and as a PDF; a text of a brief is data in each of them."""
