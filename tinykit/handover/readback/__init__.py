"""What other tools said of a model, read back: reports of ST's code generators, exports of Edge Impulse."""
