"""The Pulumi program of this lake: it declares what the stack's configuration asks for.

`lotus:lake: true` declares the lake itself: for each folder of `streams/` a source and a connection, for each file of
`streams/_destinations/` that a source uses a destination. Nothing else has to be edited to sync another stream: add a
file such as `streams/shopify/orders.json`.

`lotus:gitops: true` declares what makes the operator in the cluster apply the lake on every push.

What differs per stack stands in `Pulumi.<stack>.yaml`:

    lotus:workspace   Airbyte's workspace
    lotus:sources     include: [...] or exclude: [...]; absent: all
    lotus:config      values for {"$config": "name"}
    lotus:secrets     values for {"$secret": "name"} (pulumi config set --path 'lotus:secrets.NAME' --secret)
    lotus:overrides   laid over the files, such as {shopify: {schedule: "0 0 3 * * ?"}}
    airbyte:serverUrl and the other settings of the provider; absent: AIRBYTE_SERVER_URL and its sisters

A mistake in any of these files stops the program before anything is declared, with all mistakes at once.
`lotus validate` says the same without Pulumi.

Own resources can stand beside: this is a plain Pulumi program.
"""

from lotus.program import declare

declare()
