"""Training, pruning of weights and of whole channels, and quantisation-aware training of tf-keras models."""
