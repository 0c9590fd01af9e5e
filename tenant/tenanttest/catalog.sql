WITH arguments AS MATERIALIZED (
    SELECT $1::text::jsonb AS schemas, $2::text::jsonb AS settings, $3::text::jsonb AS owners
), members AS MATERIALIZED ( -- the roles that the login is or can become
    SELECT r.oid, r.rolname FROM pg_roles r
    WHERE pg_has_role(current_user, r.oid, 'MEMBER') OR pg_has_role(session_user, r.oid, 'MEMBER')
), chosen AS MATERIALIZED ( -- the schemas to look at
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_namespace n, arguments g
    WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND (g.schemas = '[]' OR n.nspname IN (SELECT jsonb_array_elements_text(g.schemas)))
), reach AS MATERIALIZED ( -- without the owners among them: who can become one is told that, and not all that follows
    SELECT r.oid, r.rolname FROM members r
    WHERE r.rolname = current_user OR quote_ident(r.rolname) IN (SELECT jsonb_array_elements_text(owners) FROM arguments) -- exempted from that
       OR NOT EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace IN (SELECT oid FROM chosen))
), scope AS MATERIALIZED (
    SELECT n.*, EXISTS (
        SELECT FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE a.privilege_type = 'USAGE' AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))) AS reachable
    FROM chosen n
), related AS MATERIALIZED (
    SELECT c.*, s.nspname, s.reachable, format('%I.%I', s.nspname, c.relname) AS name
    FROM pg_class c JOIN scope s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
)

-- name: login
SELECT json_build_object(
    'name', current_user, 'session', session_user, 'quoted', quote_ident(current_user),
    'owner', (SELECT quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()),
    'superuser', EXISTS (SELECT FROM pg_roles WHERE rolname IN (current_user, session_user) AND rolsuper),
    'temporary', has_database_privilege(current_database(), 'TEMPORARY'),
    'version', current_setting('server_version_num')::int,
    'tenant', coalesce(nullif(current_setting(settings->>0, true), ''), current_setting(settings->>1, true), ''))
FROM arguments

-- name: roles
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT quote_ident(r.rolname) AS name, r.rolname AS raw, r.rolname = current_user AS itself, r.rolsuper AS super,
        r.rolbypassrls AS bypass, r.rolcreaterole AS createrole, r.rolreplication AS replication,
        r.rolname IN ('pg_read_all_data', 'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files',
            'pg_execute_server_program', 'pg_maintain', 'pg_create_subscription',
            'rds_superuser', 'rds_replication', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin') AS wider, -- of managed servers
        (SELECT coalesce(json_agg(DISTINCT quote_ident(d.rolname)), '[]') FROM pg_auth_members m JOIN pg_roles d ON d.oid = m.roleid
            JOIN pg_roles l ON l.oid = m.member
            WHERE l.rolname = current_user AND pg_has_role(d.oid, r.oid, 'MEMBER')) AS through,
        (SELECT coalesce(json_agg(o.object ORDER BY o.object), '[]') FROM (
            SELECT c.name AS object FROM related c WHERE c.relowner = r.oid
            UNION ALL SELECT format('schema %I', s.nspname) FROM scope s WHERE s.nspowner = r.oid
            UNION ALL SELECT format('database %I', d.datname) FROM pg_database d WHERE d.datdba = r.oid AND d.datname = current_database()
            UNION ALL SELECT format('function %I.%I', s.nspname, p.proname) FROM pg_proc p JOIN scope s ON s.oid = p.pronamespace WHERE p.proowner = r.oid
        ) o) AS owns
    FROM pg_roles r WHERE r.oid IN (SELECT oid FROM members)
) x

-- name: settings
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT v.object, n.name AS setting, format('%s RESET %s;', v.object, n.name) AS fix
    FROM pg_db_role_setting d CROSS JOIN LATERAL unnest(d.setconfig) AS c (entry)
    JOIN (SELECT jsonb_array_elements_text(settings) AS name FROM arguments) n ON lower(split_part(c.entry, '=', 1)) = n.name
    LEFT JOIN pg_database b ON b.oid = d.setdatabase
    CROSS JOIN LATERAL (SELECT CASE
        WHEN d.setrole = 0 AND d.setdatabase = 0 THEN 'ALTER ROLE ALL'
        WHEN d.setrole = 0 THEN format('ALTER DATABASE %I', b.datname)
        WHEN d.setdatabase = 0 THEN format('ALTER ROLE %I', pg_get_userbyid(d.setrole))
        ELSE format('ALTER ROLE %I IN DATABASE %I', pg_get_userbyid(d.setrole), b.datname) END AS object) v
    WHERE (d.setrole = 0 OR d.setrole IN (SELECT oid FROM pg_roles WHERE rolname IN (current_user, session_user))) -- not inherited
      AND (d.setdatabase = 0 OR b.datname = current_database())
) x

-- name: schemas
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT quote_ident(s.nspname) AS name, json_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) AS "create"
    FROM scope s CROSS JOIN LATERAL aclexplode(s.nspacl) a
    WHERE a.privilege_type = 'CREATE' AND a.grantee <> s.nspowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))
    GROUP BY s.nspname
) x

-- name: relations
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT c.oid::bigint AS oid, c.nspname AS schema, c.relname, c.name, c.relkind::text AS kind,
        c.relrowsecurity AS rls, c.relforcerowsecurity AS forced, c.relispartition AS partition, c.reachable,
        EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker' AND option_value::bool) AS invoker,
        EXISTS (SELECT FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
            JOIN pg_proc p ON p.oid = d.refobjid
            WHERE w.ev_class = c.oid AND c.relkind IN ('v', 'm') AND p.oid >= 16384 AND p.provolatile <> 'i'
              AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')) AS calls,
        EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgtype & 7 = 7) AS beforeinsert, -- row, before, insert
        quote_ident(o.rolname) AS owner, o.rolsuper OR o.rolbypassrls AS ownerbypasses,
        (SELECT coalesce(json_agg(i.inhparent::bigint), '[]') FROM pg_inherits i WHERE i.inhrelid = c.oid) AS parents,
        (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('privilege', a.privilege_type,
                'to', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)), '[]')
            FROM (SELECT * FROM aclexplode(c.relacl)
                UNION ALL SELECT e.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) e
                    WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL AND NOT t.attisdropped) a
            WHERE a.grantee <> c.relowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))) AS grants
    FROM related c JOIN pg_roles o ON o.oid = c.relowner
) x

-- name: columns
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT c.oid::bigint AS rel, a.attname AS name, quote_ident(a.attname) AS quoted, format_type(a.atttypid, a.atttypmod) AS type,
        format_type(b.oid, NULL) AS base, b.typcategory::text AS category,
        coalesce((SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder LIMIT 1), '') AS label,
        a.attnotnull AS notnull, a.attidentity <> '' AS identity, a.attgenerated <> '' AS generated,
        coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS "default",
        coalesce((SELECT l.collisdeterministic FROM pg_collation l WHERE l.oid = a.attcollation), true) AS deterministic,
        has_column_privilege(c.oid, a.attnum, 'INSERT') AS insert, has_column_privilege(c.oid, a.attnum, 'UPDATE') AS update,
        has_column_privilege(c.oid, a.attnum, 'SELECT') AS select
    FROM related c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN (
        WITH RECURSIVE under AS (SELECT t.typbasetype AS oid UNION ALL
            SELECT n.typbasetype FROM under u JOIN pg_type n ON n.oid = u.oid WHERE n.typtype = 'd')
        SELECT u.oid FROM under u JOIN pg_type n ON n.oid = u.oid WHERE n.typtype <> 'd') ELSE t.oid END
    WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, a.attnum
) x

-- name: policies
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT p.polrelid::bigint AS rel, p.polname AS name, quote_ident(p.polname) AS quoted, p.polcmd::text AS command, p.polpermissive AS permissive,
        0 = ANY (p.polroles) AS public,
        0 = ANY (p.polroles) OR EXISTS (SELECT FROM reach r WHERE r.oid = ANY (p.polroles)) AS ours,
        EXISTS (SELECT FROM reach r WHERE r.oid = ANY (p.polroles) AND r.rolname = current_user) AS direct,
        (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ', ') FROM unnest(p.polroles) o) AS roles,
        pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS "check",
        EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid <> 'pg_class'::regclass) AS made
    FROM pg_policy p JOIN related c ON c.oid = p.polrelid ORDER BY c.name, p.polname
) x

-- name: views
SELECT coalesce(json_agg(x), '[]') FROM (
    WITH RECURSIVE direct AS (
        SELECT r.ev_class AS view, d.refobjid AS rel
        FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
        WHERE r.rulename = '_RETURN' AND r.ev_class >= 16384 -- not PostgreSQL's own
    ), closure AS (
        SELECT view, rel FROM direct UNION SELECT c.view, d.rel FROM closure c JOIN direct d ON d.view = c.rel
    )
    SELECT v.view::bigint AS view, v.rel::bigint AS rel, format('%I.%I', n.nspname, c.relname) AS name,
        c.relkind IN ('r', 'p', 'f') AND c.oid >= 16384 AS "table"
    FROM closure v JOIN pg_class c ON c.oid = v.rel JOIN pg_namespace n ON n.oid = c.relnamespace WHERE v.view IN (SELECT oid FROM related)
) x

-- name: functions
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS name,
        CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS kind,
        p.prosecdef AS definer, p.proleakproof AND s.oid IS NOT NULL
            AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e') AS leakproof, quote_ident(o.rolname) AS owner, o.rolsuper OR o.rolbypassrls AS ownerbypasses,
        (SELECT substr(e, length('search_path=') + 1) FROM unnest(p.proconfig) e WHERE e LIKE 'search\_path=%') AS searchpath,
        coalesce((SELECT n.name FROM unnest(p.proconfig) e JOIN (SELECT jsonb_array_elements_text(settings) AS name FROM arguments) n
            ON lower(split_part(e, '=', 1)) = n.name LIMIT 1), '') AS sets,
        p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND EXISTS (
            SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            WHERE a.grantee <> p.proowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))) AS executable,
        -- Who names a function needs USAGE on its schema. Who uses something that was made with it doesn't.
        coalesce(s.reachable, false) OR EXISTS (
            SELECT FROM pg_depend d CROSS JOIN LATERAL pg_identify_object_as_address(d.classid, d.objid, d.objsubid) a
            WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid AND d.deptype = 'n' AND (d.classid = 'pg_cast'::regclass
                OR EXISTS (SELECT FROM pg_constraint k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.contypid <> 0) -- a domain's
                OR d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND a.object_names[1] IN (SELECT nspname FROM scope WHERE reachable))) AS reachable,
        (SELECT coalesce(json_agg(DISTINCT c.oid::bigint), '[]')
            FROM pg_depend d CROSS JOIN LATERAL pg_identify_object_as_address(d.classid, d.objid, d.objsubid) a
            JOIN related c ON c.nspname = a.object_names[1] AND c.relname = a.object_names[2]
            WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid AND d.deptype IN ('n', 'a')
              AND d.classid IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)) AS "in",
        -- The functions of an aggregate are called with its owner's rights.
        EXISTS (SELECT FROM pg_depend d JOIN pg_proc g ON g.oid = d.objid JOIN scope h ON h.oid = g.pronamespace
            CROSS JOIN LATERAL aclexplode(coalesce(g.proacl, acldefault('f', g.proowner))) a
            WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid AND d.classid = 'pg_proc'::regclass AND g.prokind = 'a' AND h.reachable
              AND a.grantee <> g.proowner AND (a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))) AS aggregate,
        EXISTS (SELECT FROM pg_trigger t JOIN related c ON c.oid = t.tgrelid WHERE t.tgfoid = p.oid) AS trigger
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner LEFT JOIN scope s ON s.oid = n.oid
    WHERE p.oid >= 16384 AND (p.prosecdef OR p.proconfig IS NOT NULL OR p.proleakproof)
) x

-- name: triggers
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT c.oid::bigint AS rel, format('%s.%I', c.name, t.tgname) AS name,
        format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS function
    FROM pg_trigger t JOIN related c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE NOT t.tgisinternal AND p.prosecdef AND t.tgparentid = 0 -- not what a partition has from its parent
) x

-- name: foreign
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT k.conrelid::bigint AS rel, k.confrelid::bigint AS ref, quote_ident(k.conname) AS name,
        k.confdeltype::text AS ondelete, k.confupdtype::text AS onupdate,
        CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END AS deferral,
        (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u (num, n)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num) AS columns,
        (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u (num, n)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num) AS refcolumns
    FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0
      AND (k.conrelid IN (SELECT oid FROM related) OR k.confrelid IN (SELECT oid FROM related))
) x

-- name: unique
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT i.indrelid::bigint AS rel, format('%I.%I', c.nspname, n.relname) AS name, quote_ident(n.relname) AS quoted,
        coalesce((SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (num, n)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num WHERE u.n <= i.indnkeyatts
            AND (NOT i.indisexclusion OR (SELECT o.oprname = '=' FROM pg_operator o WHERE o.oid = k.conexclop[u.n]))), '[]') AS columns,
        (SELECT bool_and(coalesce(a.atttypid = 'uuid'::regtype, false)) FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (num, n)
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.num AND u.num > 0 WHERE u.n <= i.indnkeyatts) AS uuids,
        i.indisexclusion AS exclusion, k.oid IS NOT NULL AS constraint,
        coalesce(pg_get_constraintdef(k.oid), pg_get_indexdef(i.indexrelid)) AS definition
    FROM pg_index i JOIN related c ON c.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
    WHERE (i.indisunique OR i.indisexclusion) AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid) -- what a partition has from its parent
) x

-- name: rules
SELECT coalesce(json_agg(x), '[]') FROM (
    SELECT c.oid::bigint AS rel, format('%s.%I', c.name, r.rulename) AS name, quote_ident(r.rulename) AS quoted
    FROM pg_rewrite r JOIN related c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
) x

-- name: large
SELECT to_json(count(*)) FROM pg_largeobject_metadata m
WHERE current_setting('lo_compat_privileges')::bool OR m.lomowner IN (SELECT oid FROM reach)
   OR EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.grantee = 0 OR a.grantee IN (SELECT oid FROM reach))
