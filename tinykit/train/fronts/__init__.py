"""The data side of a design: window, rate, channels, features in whole numbers that a device computes to the bit."""
