"""Reading, following and merging logs; one file per verb."""
