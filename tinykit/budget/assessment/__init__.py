"""The whole question in one call: does it fit, how long does the cell last, how hot does the die get."""
