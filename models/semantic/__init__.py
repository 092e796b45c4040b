"""The semantic networks at work: chips in, masks and edges out."""
