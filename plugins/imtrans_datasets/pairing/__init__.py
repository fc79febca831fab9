"""Which files make pairs, and which pairs make a split."""
