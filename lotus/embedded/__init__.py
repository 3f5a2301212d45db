"""The names under which packages of others know the local server's destination framework, which is `lotus_server` now.

`lotus destinations new` wrote imports of `lotus.embedded.destinations` into packages of their own; they go on working.
"""
