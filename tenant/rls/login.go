package rls

// reach begins the queries about the login. It holds the login, the current role,
// and all roles that they are members of, directly or not, whether they inherit
// from them or have to SET ROLE: a membership is one statement away from its use.
// Via is the member on the way there.
const reach = `
WITH RECURSIVE reach(oid, via) AS (
    SELECT oid, NULL::oid FROM pg_roles WHERE rolname IN (current_user, session_user)
    UNION
    SELECT m.roleid, m.member FROM pg_auth_members m JOIN reach ON m.member = reach.oid
)`

// loginQuery returns the problems of the session's login, as object, detail and
// remedy. $1 is the role it should have the privileges of, $2 one that it must not
// have, $3 and $4 are the settings.
const loginQuery = reach + `, roles AS (
    SELECT r.*, CASE WHEN NOT w.self THEN 'REVOKE ' || quote_ident(r.rolname) || ' FROM ' || quote_ident(pg_get_userbyid(w.via)) END AS leave
    FROM (SELECT oid, min(via::text)::oid AS via, bool_or(via IS NULL) AS self FROM reach GROUP BY oid) w JOIN pg_roles r USING (oid)
), owned AS (
    SELECT 'database ' || quote_ident(datname) AS object, 'DATABASE ' || quote_ident(datname) AS sql, datdba AS owner
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'schema ' || quote_ident(nspname), 'SCHEMA ' || quote_ident(nspname), nspowner
    FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    UNION ALL
    SELECT k.word || ' ' || c.oid::regclass, upper(k.word) || ' ' || c.oid::regclass, c.relowner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN (VALUES ('r', 'table'), ('p', 'table'), ('f', 'foreign table'), ('v', 'view'), ('m', 'materialized view'), ('S', 'sequence'))
        AS k(kind, word) ON k.kind = c.relkind::text
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'function ' || p.oid::regprocedure, 'ROUTINE ' || p.oid::regprocedure, p.proowner
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT 'role ' || quote_ident(rolname), f.detail, coalesce(leave, 'ALTER ROLE ' || quote_ident(rolname) || ' ' || f.mend)
FROM roles, LATERAL (VALUES
    (rolsuper, 'is a superuser, whom no policy binds', 'NOSUPERUSER'),
    (rolbypassrls AND NOT rolsuper, 'has BYPASSRLS', 'NOBYPASSRLS'),
    (rolcreaterole AND NOT rolsuper, 'has CREATEROLE and can make itself a member of the owner', 'NOCREATEROLE'),
    (rolreplication AND NOT rolsuper, 'has REPLICATION and can stream every row', 'NOREPLICATION')
) AS f(yes, detail, mend) WHERE f.yes
UNION ALL
SELECT 'role ' || quote_ident(rolname), 'is reached by the login and reads or writes files of the server', leave
FROM roles WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
UNION ALL
SELECT 'role ' || quote_ident(rolname), 'is reached by the login and administers a managed server', coalesce(leave, 'log in as another role')
FROM roles WHERE rolname IN ('rds_superuser', 'rds_replication', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin')
UNION ALL
SELECT 'role ' || quote_ident(rolname), 'sees the rows of all tenants', coalesce(leave, 'log in as another role')
FROM roles WHERE rolname = $2::text
UNION ALL
SELECT 'role ' || quote_ident(current_user), 'does not have the privileges of ' || quote_ident($1::text),
    'GRANT ' || quote_ident($1::text) || ' TO ' || quote_ident(current_user)
FROM pg_roles WHERE rolname = $1::text AND NOT pg_has_role(oid, 'USAGE')
UNION ALL
SELECT owned.object, 'belongs to ' || quote_ident(rolname),
    coalesce(leave, 'ALTER ' || owned.sql || ' OWNER TO the login of the migrations')
FROM owned JOIN roles ON roles.oid = owned.owner AND NOT rolsuper
UNION ALL
SELECT lower(split_part(w.whose, ' ', 1)) || substr(w.whose, strpos(w.whose, ' ')), 'has a default for ' || w.name, 'ALTER ' || w.whose || ' RESET ' || w.name
FROM (
    SELECT split_part(c, '=', 1) AS name, CASE
        WHEN s.setrole = 0 AND s.setdatabase = 0 THEN 'ROLE ALL'
        WHEN s.setrole = 0 THEN 'DATABASE ' || quote_ident(d.datname)
        WHEN s.setdatabase = 0 THEN 'ROLE ' || quote_ident(pg_get_userbyid(s.setrole))
        ELSE 'ROLE ' || quote_ident(pg_get_userbyid(s.setrole)) || ' IN DATABASE ' || quote_ident(d.datname)
    END AS whose
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c LEFT JOIN pg_database d ON d.oid = s.setdatabase
    WHERE s.setdatabase = 0 OR d.datname = current_database()
) w WHERE lower(w.name) IN ($3::text, $4::text)
UNION ALL
SELECT 'setting ' || s.name, 'has a value before any transaction set it',
    'take it out of the connection string and postgresql.conf, and never SET it for a session'
FROM (VALUES ($3::text), ($4::text)) AS s(name) WHERE current_setting(s.name, true) <> ''
UNION ALL
SELECT 'setting row_security', 'is off: statements fail where policies would filter', 'SET row_security = on'
WHERE current_setting('row_security') = 'off'`

// undeclaredQuery returns schema, name, tenant column and its type of every table
// that has a column named $1, is not among the pairs of $2, and can be used by the
// login or a role in its reach. Superusers are left out: every table would be named
// beside them.
const undeclaredQuery = reach + `
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, NULL)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $1 AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM json_array_elements($2::json) AS d WHERE d->>0 = n.nspname AND d->>1 = c.relname)
AND EXISTS (SELECT FROM reach JOIN pg_roles r USING (oid) WHERE NOT r.rolsuper AND (has_table_privilege(reach.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
    OR has_any_column_privilege(reach.oid, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
ORDER BY 1, 2`

// bypassQuery returns, as object, detail and remedy, what the login or a role in its
// reach may do with protected tables that no policy holds back. What the tables of
// $1, pairs of schema and name, grant to $2, $3 and everybody is left out: comparing
// the tables finds it.
const bypassQuery = reach + `
SELECT DISTINCT 'table ' || c.oid::regclass, 'lets ' || coalesce(quote_ident(r.rolname), 'PUBLIC') || ' pass the policies by ' || x.privilege_type,
    'REVOKE ' || x.privilege_type || ' ON ' || c.oid::regclass || ' FROM ' || coalesce(quote_ident(r.rolname), 'PUBLIC')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL (
    SELECT * FROM aclexplode(c.relacl)
    UNION ALL SELECT e.* FROM pg_attribute a CROSS JOIN aclexplode(a.attacl) e WHERE a.attrelid = c.oid AND NOT a.attisdropped
) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE (x.grantee = 0 OR x.grantee IN (SELECT oid FROM reach)) AND c.relrowsecurity AND x.grantee <> c.relowner AND x.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER')
AND NOT (coalesce(r.rolname, '') IN ('', $2::text, $3::text)
    AND EXISTS (SELECT FROM json_array_elements($1::json) AS d WHERE d->>0 = n.nspname AND d->>1 = c.relname))
ORDER BY 1, 2`
