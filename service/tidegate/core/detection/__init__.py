"""Detection: from readings to scores, anomalies and incidents. Pure; all state lives in arrays by slot.

One reading's way, a file per step:

    admission ─► rounds ─► evidence ─► calibration ─► judgement ─► anomalies ─► incidents
    (who may in)  (one per   (surprise   (how rare      (policy)     (facts)      (silence, by ticks)
                   device)    by stream)  is that)

Devices whose readings are records, classified whole, take their first steps in `records/`; `stepping.py` knows both ways.
`Detection` (`detection.py`) is the door; everything else here serves it. Allocation, topics and models are elsewhere.
"""
