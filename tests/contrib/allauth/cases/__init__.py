"""Cases for a project with allauth: logins, second factors, passkeys."""
