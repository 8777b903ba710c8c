"""Files that somebody else wrote, as the bytes and records that `runs` reads."""
