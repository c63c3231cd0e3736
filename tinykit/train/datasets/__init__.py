"""Real data, split so that accuracy is that of people the network has never seen.

`load_dataset(task)` gives the shipped tasks, `read_folder` and `read_npz` your own data, `score_predictions` and
`paired_difference` the accuracy with its interval.
"""
