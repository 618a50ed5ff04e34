"""Training the classifier of flow records: the dense network of the DNN traffic paper, prepared so that nothing leaks.

What it makes is a bundle of task `classify`. The streaming service does not serve it yet, and refuses it by its task.
"""
