"""IoT resource allocation (IRAP) after Sangaiah et al., Sensors 20(2):539, 2020: instances, optimum, rivals and our planner.

The paper's formulas and pseudocode are images that no text of it carries: what is its own and what is inferred is said where it
matters and collected in `notes`. Does not read files: instances are made here, from fixed random states.
"""
