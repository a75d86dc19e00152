"""HTTP: problems, authentication, OpenAPI. No business rule lives here."""
