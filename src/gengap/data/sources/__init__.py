"""Sources of rows: files, addresses and tables, read as blocks of checked rows."""
