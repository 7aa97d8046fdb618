"""Who changed what, when and from where. Entries are written once and never changed."""
