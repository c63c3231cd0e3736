"""Design records: every stage of a design with its parent, recipe, hashes and results."""
