"""Which named policies are in force, with dates and sources: the annex to the process documentation
(Verfahrensdokumentation, GoBD 10.1) that `kassenverbund policies export` prints.

`collect` makes the document from the chain's declaration, `log` adds since when a store has been
working so, `render` writes it for people (Markdown) and for tables (CSV).
"""
