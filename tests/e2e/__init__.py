"""The example site in a real browser, with everybody else replaced by a server that counts."""
