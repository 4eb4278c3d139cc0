"""The receipt: one structured document, and the forms it is given in.

`build` makes the document from facts, `layout` breaks it into rows of a fixed grid, and `text`,
`html` and the ESC/POS encoder show the same document. The secret code of a voucher is in none of
them: it stands on a slip of its own (`slip`), made at the moment it is printed.
"""
