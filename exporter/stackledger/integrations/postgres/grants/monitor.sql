-- The least-rights role that reads PostgreSQL. Run once on the primary as a superuser; standbys receive it by replication.
--
-- pg_monitor lets it see statistics, parameters, sessions, the log's directory and replication. It cannot read a row of
-- your tables, and its sessions are read-only. Choose a password of your own and give it to the service by file or
-- environment variable (`password:` of the target). Names are the defaults of the configuration.

CREATE ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 4;
GRANT pg_monitor TO monitor;
-- \password monitor          (asks for the password and sends only its hash)

-- Databases that are closed to PUBLIC need this for their connection:
-- GRANT CONNECT ON DATABASE postgres TO monitor;

-- Statements need the extension, preloaded (shared_preload_libraries) and created in the database of `dbname`:
-- CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- In pg_hba.conf of every node, the host that runs the service, not a whole network:
-- hostssl postgres monitor 192.0.2.10/32 scram-sha-256
