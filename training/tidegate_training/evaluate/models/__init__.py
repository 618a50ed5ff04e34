"""The study of models: LSTMs, windows and an autoencoder on the same readings at the same budget, beside plain baselines.

It says what a cell is worth and costs; it chooses nothing for the service.
"""
