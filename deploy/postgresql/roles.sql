-- Run once by the superuser: psql -f roles.sql
-- The application owns its tables, because it migrates them, and is nothing else.
CREATE ROLE myproject LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD 'CHANGE-ME';
CREATE DATABASE myproject OWNER myproject ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE myproject FROM PUBLIC;
-- No request may hold what others wait for: the epochs of a user are rows that every change of him locks. A migration
-- that needs longer says so itself: SET lock_timeout.
ALTER ROLE myproject IN DATABASE myproject SET lock_timeout = '5s';
ALTER ROLE myproject IN DATABASE myproject SET statement_timeout = '30s';
ALTER ROLE myproject IN DATABASE myproject SET idle_in_transaction_session_timeout = '10s';
