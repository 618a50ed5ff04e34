"""Training the classifier of flow records: the dense network of the DNN traffic paper, prepared so that nothing leaks.

What it makes is a bundle of task `classify`, which the streaming service serves to devices whose readings are flow records.
"""
