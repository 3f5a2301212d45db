"""Jobs: the queue, and one worker process for each running sync.

Nothing is imported here: the worker starts for every sync, and needs neither the queue nor its database.
"""
