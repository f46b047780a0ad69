"""What production adds to a project's settings: every setting that matters on many hosts, and why.

Copy it to the end of your own production settings. Names and addresses come from the environment, secrets from files
(systemd's LoadCredential, or /run/secrets of a container), read by the vault.
"""

import os

import stockade.edge
import stockade.passwords
from stockade.vault import secret

# --- Django ---------------------------------------------------------------------------------------------------------

HOST = os.environ["MYPROJECT_HOST"]  # api.example.org
# HSTS, cookies that only this host can set, no DEBUG, and plain HTTP refused; "browser" where there are pages too.
globals().update(
    stockade.edge.settings(
        "api",
        # Exactly the names that clients use; "*" would have links in mails point wherever a request says.
        ALLOWED_HOSTS=[HOST],
        CSRF_TRUSTED_ORIGINS=[f"https://{HOST}"],
        # nginx ends TLS, and writes this header anew for each request.
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    )
)
SECRET_KEY = secret("DJANGO_SECRET_KEY")
# The same on every host, and not SECRET_KEY: that one may change without making the signing keys unreadable.
STOCKADE_KEY = secret("STOCKADE_KEY")

# --- PostgreSQL: the truth --------------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ.get("MYPROJECT_DATABASE", "myproject"),
        "USER": os.environ.get("MYPROJECT_DATABASE_USER", "myproject"),
        "PASSWORD": secret("DATABASE_PASSWORD"),
        "HOST": os.environ["MYPROJECT_DATABASE_HOST"],
        # With a pool there are no persistent connections beside it.
        "CONN_MAX_AGE": 0,
        # A connection that died with the server is noticed before a request uses it.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            # One pool a worker. As many connections as a worker has threads, and one for what runs beside them;
            # who gets none within `timeout` seconds answers 503 instead of hanging. After an outage it connects again
            # within `reconnect_timeout` seconds.
            "pool": {
                "min_size": 1,
                "max_size": 4,
                "timeout": 5,
                "max_lifetime": 1800,
                "reconnect_timeout": 2,
            },
            # The name in the server's certificate is checked: without it anybody on the way could be the database.
            # libpq ignores both over a unix socket.
            "sslmode": "verify-full",
            "sslrootcert": "/etc/myproject/ca.pem",
            # A server that is gone is noticed within seconds, by connecting and by connections that wait.
            "connect_timeout": 3,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 10000,
        },
    }
}

# --- Stockade ---------------------------------------------------------------------------------------------------------

STOCKADE = {
    # A secret as a whole, because it holds a password: rediss://myproject:...@state.internal:6379?ca=/etc/myproject/ca.pem
    # or redis+sentinel://myproject:...@10.0.0.31:26379,10.0.0.32:26379,10.0.0.33:26379/myproject
    "STATE": secret("STATE_URL"),
    # The addresses of nginx, and no others: whoever is listed here says where requests come from.
    "TRUSTED_PROXIES": os.environ["MYPROJECT_PROXIES"].split(),  # 10.0.0.11/32 10.0.0.12/32
    # What nginx shows beside its address: nothing else on its host, and nobody who takes its address, poses as nginx.
    "PROXY_SECRET": secret("STOCKADE_PROXY_SECRET"),
    "JWT": {"ISSUER": f"https://{HOST}", "AUDIENCE": f"https://{HOST}"},
    # One line of JSON for each event, which a collector takes to where the other hosts' lines are.
    "EVENTS": {"SINKS": ["log", "database"], "LOG": os.environ.get("MYPROJECT_SECURITY_LOG", "stderr")},
}
AUTHENTICATION_BACKENDS = [
    "stockade.schemes.backend.LoginLimits",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["stockade.schemes.passwords.Argon2"]
AUTH_PASSWORD_VALIDATORS = stockade.passwords.validators(15)
