"""Whole works: from their takes to the files of an audiobook."""
