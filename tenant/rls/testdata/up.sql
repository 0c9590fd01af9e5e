REVOKE ALL ON TABLE "public"."projects" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "public"."projects" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."projects" FORCE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_floor ON "public"."projects" AS RESTRICTIVE FOR ALL TO PUBLIC
    USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY rowhouse_tenant ON "public"."projects" AS PERMISSIVE FOR ALL TO "app"
    USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
ALTER TABLE "public"."projects" ALTER COLUMN "tenant_id" SET DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid;
ALTER TABLE "public"."projects" ALTER COLUMN "tenant_id" SET NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "public"."projects" TO "app";
REVOKE ALL ON TABLE "public"."entries" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "public"."entries" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "public"."entries" FORCE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_floor ON "public"."entries" AS RESTRICTIVE FOR ALL TO PUBLIC
    USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY rowhouse_tenant ON "public"."entries" AS PERMISSIVE FOR ALL TO "app"
    USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
ALTER TABLE "public"."entries" ALTER COLUMN "tenant_id" SET DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid;
ALTER TABLE "public"."entries" ALTER COLUMN "tenant_id" SET NOT NULL;
GRANT SELECT, INSERT ON TABLE "public"."entries" TO "app";
REVOKE ALL ON TABLE "Odd ""Schema"""."Weird ""Table""; --" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "Odd ""Schema"""."Weird ""Table""; --" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Odd ""Schema"""."Weird ""Table""; --" FORCE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_floor ON "Odd ""Schema"""."Weird ""Table""; --" AS RESTRICTIVE FOR ALL TO PUBLIC
    USING ("größe" = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK ("größe" = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rowhouse_tenant ON "Odd ""Schema"""."Weird ""Table""; --" AS PERMISSIVE FOR ALL TO "app"
    USING ("größe" = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK ("größe" = (SELECT nullif(current_setting('app.tenant_id', true), '')));
ALTER TABLE "Odd ""Schema"""."Weird ""Table""; --" ALTER COLUMN "größe" SET DEFAULT nullif(current_setting('app.tenant_id', true), '');
ALTER TABLE "Odd ""Schema"""."Weird ""Table""; --" ALTER COLUMN "größe" SET NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "Odd ""Schema"""."Weird ""Table""; --" TO "app";
REVOKE ALL ON TABLE "rowhouse"."members" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "rowhouse"."members" ENABLE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_tenant ON "rowhouse"."members" AS PERMISSIVE FOR ALL TO "app"
    USING ("org" = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK ("org" = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rowhouse_subject ON "rowhouse"."members" AS PERMISSIVE FOR SELECT TO "app"
    USING ("subject" = (SELECT nullif(current_setting('app.subject', true), '')));
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "rowhouse"."members" TO "app";
REVOKE ALL ON TABLE "public"."organizations" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "public"."organizations" ENABLE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_tenant ON "public"."organizations" AS PERMISSIVE FOR ALL TO "app"
    USING ("id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK ("id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY rowhouse_subject ON "public"."organizations" AS PERMISSIVE FOR SELECT TO "app"
    USING ("id" = ANY (ARRAY(SELECT rowhouse_m."org"::uuid FROM "rowhouse"."members" AS rowhouse_m WHERE rowhouse_m."subject" = (SELECT nullif(current_setting('app.subject', true), '')))));
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "public"."organizations" TO "app";
REVOKE ALL ON TABLE "rowhouse"."member_invitations" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "rowhouse"."member_invitations" ENABLE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_tenant ON "rowhouse"."member_invitations" AS PERMISSIVE FOR ALL TO "app"
    USING ("org" = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK ("org" = (SELECT nullif(current_setting('app.tenant_id', true), '')));
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "rowhouse"."member_invitations" TO "app";
REVOKE ALL ON TABLE "rowhouse"."outbox" FROM PUBLIC, "app", "worker" CASCADE;
ALTER TABLE "rowhouse"."outbox" ENABLE ROW LEVEL SECURITY;
CREATE POLICY rowhouse_tenant ON "rowhouse"."outbox" AS PERMISSIVE FOR ALL TO "app"
    USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')))
    WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')));
CREATE POLICY rowhouse_worker ON "rowhouse"."outbox" AS PERMISSIVE FOR ALL TO "worker"
    USING (true)
    WITH CHECK (true);
GRANT INSERT ON TABLE "rowhouse"."outbox" TO "app";
GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "rowhouse"."outbox" TO "worker";
GRANT USAGE ON SCHEMA "public" TO "app";
GRANT USAGE ON SCHEMA "Odd ""Schema""" TO "app";
GRANT USAGE ON SCHEMA "rowhouse" TO "app";
GRANT USAGE ON SCHEMA "rowhouse" TO "worker";
