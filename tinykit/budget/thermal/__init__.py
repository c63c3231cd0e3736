"""Heat: junction temperature, highest ambient, transients, enclosure. The door of the wing has every name."""
