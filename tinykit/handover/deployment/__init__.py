"""Hand-over to firmware: a folder that a TFLM project of any ecosystem builds, or standalone C."""
