"""Finding what a function depends on: names, values, modules and their text."""
