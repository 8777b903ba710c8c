"""Reviews in an analyst's hands: tables, slices, the samples behind a number, two reviews."""
