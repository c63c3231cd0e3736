"""Feature maps computed in horizontal stripes, in plain TFLM operators under an offline plan: less arena than any plan.

The peak of a convolutional network lies where its maps are large. A few operators there are computed stripe by stripe,
so that none of the maps between them is ever whole. A stripe's rows are a SLICE of what comes in, and a CONCATENATION
makes what goes out; the plan places both so that they copy each byte onto itself.
"""
