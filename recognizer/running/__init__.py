"""Who shares long work: this process alone, processes beside it, machines of a cluster; and how many there is room for.

teams      what all of them are to the work that they share
workers    processes on this machine
room       how many processes the cores and the memory leave room for
cluster    processes on the machines of a Ray cluster
"""
