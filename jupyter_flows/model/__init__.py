"""The values the product talks about: frozen, checked once at birth, without IO or clock."""
