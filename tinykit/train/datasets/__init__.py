"""Real data, split so that accuracy is that of people the network has never seen: shipped tasks, and your own."""
