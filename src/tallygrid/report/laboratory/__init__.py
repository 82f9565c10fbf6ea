"""The report of the laboratory: `content` says what, `page` and `sheet` draw it."""
