"""The verbs, once: what `jupyter flows VERB …` and `%flows VERB …` parse and do. Doors only present the results."""
