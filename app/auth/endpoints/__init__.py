"""Log-in, own credentials, users."""

from app.auth.endpoints import credentials, login, oidc, users

ROUTERS = (login.router, oidc.router, credentials.router, users.router)

__all__ = ["ROUTERS"]
