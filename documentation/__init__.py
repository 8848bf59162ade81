"""The documentation as a site: pages from the checkout and from the code, built by Zensical, read from a folder."""
