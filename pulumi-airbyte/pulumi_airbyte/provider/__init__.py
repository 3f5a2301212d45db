"""The plugin `pulumi-resource-airbyte`, in pure Python on `pulumi.provider.experimental`."""
