"""The page for people: a fleet at a glance, in a browser, under `/console`.

A REST client of its own service with the visitor's credential: it sees and may do nothing that REST would not let that visitor.
Decides nothing, keeps nothing, and asks no other host for anything. NiceGUI draws it, and is loaded with the first visit.
"""
