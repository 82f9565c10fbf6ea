"""Statements as files: `table` writes CSV, `sheet` a PDF in either language."""
