"""The provider as a resource, for a program that talks to several servers."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi


class Provider(pulumi.ProviderResource):
    """One Airbyte server and the credential for it; pass it as `ResourceOptions(provider=…)`.

    What is left out comes from the stack's `airbyte:` configuration, then from `AIRBYTE_SERVER_URL`,
    `AIRBYTE_CLIENT_ID`, `AIRBYTE_CLIENT_SECRET`, `AIRBYTE_BEARER_AUTH`, `AIRBYTE_USERNAME`, `AIRBYTE_PASSWORD`,
    `AIRBYTE_TOKEN_URL`.
    """

    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        server_url: pulumi.Input[str] | None = None,
        client_id: pulumi.Input[str] | None = None,
        client_secret: pulumi.Input[str] | None = None,
        token_url: pulumi.Input[str] | None = None,
        bearer_auth: pulumi.Input[str] | None = None,
        username: pulumi.Input[str] | None = None,
        password: pulumi.Input[str] | None = None,
        confirm: pulumi.Input[Sequence[str]] | None = None,
    ) -> None:
        """Declare a server: the root of its public API, such as `http://localhost:8000/api/public/v1`."""

        def secret(value: pulumi.Input[str] | None) -> pulumi.Output[str] | None:
            return None if value is None else pulumi.Output.secret(value)

        super().__init__(
            "airbyte",
            resource_name,
            {
                "serverUrl": server_url,
                "clientId": secret(client_id),
                "clientSecret": secret(client_secret),
                "tokenUrl": token_url,
                "bearerAuth": secret(bearer_auth),
                "username": username,
                "password": secret(password),
                "confirm": confirm,
            },
            opts,
        )
