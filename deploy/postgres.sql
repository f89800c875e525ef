-- Roles and schemas of the stores, as `precision topology roles` prints them. In an empty database, as its administrator:
--     psql --set ON_ERROR_STOP=1 --file postgres.sql precision
-- A second run makes what is missing. Passwords come from the administrator: \password ROLE
DO $$
DECLARE
    party text;
BEGIN
    -- Nobody may connect, make anything or keep anything here for being somebody.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOREACH party IN ARRAY ARRAY[
        'hd4dp_00000196',
        'ehbox_hco_00000196',
        'hd4dp_00000295',
        'ehbox_hco_00000295',
        'ehealth_ttp',
        'ehbox_hd',
        'hd4res',
        'dhw'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = party) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT', party);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), party);
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', party, party);
        -- The server's log has the statements that failed, and none of the values in them.
        EXECUTE format('ALTER ROLE %I SET log_error_verbosity = terse', party);
        EXECUTE format('ALTER ROLE %I SET log_parameter_max_length = 0', party);
        EXECUTE format('ALTER ROLE %I SET log_parameter_max_length_on_error = 0', party);
    END LOOP;
END
$$;
