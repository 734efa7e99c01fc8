"""The pure machine: what happened goes in; what to store, to tell and to do comes out."""
