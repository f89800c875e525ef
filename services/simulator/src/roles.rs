//! The roles and schemas of PostgreSQL: one of each per party, and no way from one to another.

use store::postgres::schema_name;

/// SQL that makes what is missing, to be run by an administrator in the database of these stores ([`crate::stores::names`]): a role for each, which
/// owns the schema of its name and may do nothing else. The roles have no passwords yet.
#[must_use]
pub fn roles_sql(stores: &[String]) -> String {
    let parties: Vec<String> = stores.iter().map(|store| format!("'{}'", schema_name(store))).collect();
    format!(
        "-- Roles and schemas of the stores, as `precision topology roles` prints them. In an empty database, as its administrator:
--     psql --set ON_ERROR_STOP=1 --file postgres.sql precision
-- A second run makes what is missing. Passwords come from the administrator: \\password ROLE
DO $$
DECLARE
    party text;
BEGIN
    -- Nobody may connect, make anything or keep anything here for being somebody.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    FOREACH party IN ARRAY ARRAY[
        {}
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
",
        parties.join(",\n        ")
    )
}
