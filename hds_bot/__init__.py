"""Does this need HDS hosting? A cited yes or no over the French guidance."""
