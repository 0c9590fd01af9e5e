DECLARE
    found text[] := '{}';
    probed jsonb;
    step jsonb;
    n bigint;
    got text;
    state text;
    broken_table text;
    broken_constraint text;
    broken_type text;
BEGIN
    FOR probed IN SELECT value FROM jsonb_array_elements(plan) LOOP
        BEGIN
            FOR step IN SELECT value FROM jsonb_array_elements(probed->'steps') LOOP
                PERFORM set_config(setting, step->>'tenant', true);
                BEGIN
                    got := NULL;
                    IF step->>'returning' = 'true' THEN
                        EXECUTE step->>'sql' INTO got;
                    ELSE
                        EXECUTE step->>'sql';
                    END IF;
                    GET DIAGNOSTICS n = ROW_COUNT;
                    IF step->>'rule' IS NULL THEN
                        CONTINUE; -- the row of the other tenant stays for the next steps
                    END IF;
                    RAISE SQLSTATE 'RHU00'; -- undoes the step
                EXCEPTION
                    WHEN SQLSTATE 'RHU00' THEN
                        IF n > 0 THEN
                            found := found || json_build_object('table', probed->>'table', 'rule', step->>'rule', 'got', got)::text;
                        END IF;
                    WHEN lock_not_available THEN -- once is enough
                        RAISE lock_not_available USING MESSAGE = (probed->>'table') || ' is locked';
                    WHEN OTHERS THEN
                        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, broken_table = TABLE_NAME,
                            broken_constraint = CONSTRAINT_NAME, broken_type = PG_DATATYPE_NAME;
                        found := found || json_build_object('table', probed->>'table', 'rule', coalesce(step->>'rule', ''), 'state', state,
                            'broken', broken_table, 'constraint', broken_constraint, 'type', broken_type)::text;
                END;
            END LOOP;
            RAISE SQLSTATE 'RHU00';
        EXCEPTION
            WHEN SQLSTATE 'RHU00' THEN NULL;
        END;
    END LOOP;
    PERFORM set_config('rowhouse.probed', '[' || array_to_string(found, ',') || ']', true);
END
