"""`make bench`: figures as ratios measured in one run, against bars that the project has set."""
