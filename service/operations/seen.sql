-- What code finds in a database: kind, whose, name, what it is, and of which columns it is made.
-- Left out: what `provide` gives every table (the policy `replication`), and whether a constraint
-- was validated. An extension is one thing, whatever it brings.
WITH relation AS (
    SELECT c.*,
        CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'operations')
), brought AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT 'extension', extname, '', extversion, NULL::name[] FROM pg_extension
UNION ALL
SELECT 'table', name, '', concat_ws(' ', relkind, relpersistence, relrowsecurity,
    relforcerowsecurity, relispartition, relreplident, relowner::regrole, pg_get_partkeydef(oid),
    CASE WHEN relkind IN ('v', 'm')
        THEN concat(pg_get_viewdef(oid), reloptions::text) END), NULL
FROM relation WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT CASE WHEN r.relkind = 'c' THEN 'attribute'
        WHEN r.relkind IN ('r', 'p') AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
        THEN 'required column' ELSE 'column' END,
    r.name, a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    nullif(a.attcollation, 0)::regcollation, a.attnotnull, a.attidentity, a.attgenerated,
    pg_get_expr(d.adbin, d.adrelid)), NULL
FROM relation r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'constraint', coalesce(r.name, t.typname), c.conname,
    replace(pg_get_constraintdef(c.oid), ' NOT VALID', ''),
    (SELECT array_agg(a.attname) FROM pg_attribute a
     WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
FROM pg_constraint c
LEFT JOIN relation r ON r.oid = c.conrelid
LEFT JOIN pg_type t ON t.oid = c.contypid AND t.typnamespace = 'public'::regnamespace
WHERE c.contype <> 'n' AND coalesce(r.name, t.typname) IS NOT NULL
UNION ALL
-- The same from the other end.
SELECT 'reference', r.name, child.name || '.' || c.conname,
    CASE WHEN c.confdeltype IN ('a', 'r') THEN 'refuses' ELSE 'follows' END, NULL
FROM pg_constraint c
JOIN relation r ON r.oid = c.confrelid JOIN relation child ON child.oid = c.conrelid
WHERE c.contype = 'f'
UNION ALL
SELECT CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END, r.name, x.name,
    pg_get_indexdef(i.indexrelid), (SELECT array_agg(a.attname) FROM pg_attribute a
        WHERE a.attrelid = r.oid AND a.attnum = ANY (i.indkey))
FROM pg_index i JOIN relation r ON r.oid = i.indrelid JOIN relation x ON x.oid = i.indexrelid
UNION ALL
SELECT 'trigger', r.name, g.tgname, concat(pg_get_triggerdef(g.oid), g.tgenabled), NULL
FROM pg_trigger g JOIN relation r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', r.name, u.rulename, concat(pg_get_ruledef(u.oid), u.ev_enabled), NULL
FROM pg_rewrite u JOIN relation r ON r.oid = u.ev_class WHERE u.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.name, p.polname, concat_ws(' ', p.polpermissive, p.polcmd, p.polroles::text,
    pg_get_expr(p.polqual, p.polrelid), '/', pg_get_expr(p.polwithcheck, p.polrelid)), NULL
FROM pg_policy p JOIN relation r ON r.oid = p.polrelid WHERE p.polname <> 'replication'
UNION ALL
SELECT CASE WHEN child.relispartition THEN 'partition' ELSE 'heir' END, r.name, child.name,
    pg_get_expr(child.relpartbound, child.oid), NULL
FROM pg_inherits h
JOIN relation r ON r.oid = h.inhparent JOIN relation child ON child.oid = h.inhrelid
WHERE child.relkind NOT IN ('i', 'I')
UNION ALL
SELECT 'sequence', r.name, '', concat_ws(' ', q.seqtypid::regtype, q.seqincrement, q.seqmax,
    q.seqmin, q.seqcycle), NULL
FROM pg_sequence q JOIN relation r ON r.oid = q.seqrelid
UNION ALL
SELECT 'type', t.typname, '', concat_ws(' ', t.typtype, nullif(t.typbasetype, 0)::regtype,
    t.typnotnull, t.typdefault), NULL
FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
UNION ALL
SELECT 'label', t.typname, e.enumlabel, '', NULL
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
UNION ALL
SELECT 'function', p.proname, pg_get_function_identity_arguments(p.oid),
    CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END, NULL
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM brought)
UNION ALL
SELECT 'cast', '', concat_ws(' as ', castsource::regtype, casttarget::regtype),
    castcontext::text, NULL
FROM pg_cast WHERE oid >= 16384 AND ('pg_cast'::regclass, oid) NOT IN (SELECT * FROM brought)
UNION ALL
SELECT 'operator', '', oid::regoperator::text, oprcode::text, NULL
FROM pg_operator WHERE oid >= 16384
AND ('pg_operator'::regclass, oid) NOT IN (SELECT * FROM brought)
UNION ALL
SELECT 'right', r.name, concat_ws(' ', e.grantee, e.privilege_type), e.is_grantable::text, NULL
FROM relation r, aclexplode(coalesce(r.relacl, acldefault('r', r.relowner))) AS e
WHERE r.relkind <> 'S'
UNION ALL
SELECT 'right', r.name, concat_ws(' ', a.attname, e.grantee, e.privilege_type),
    e.is_grantable::text, NULL
FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid, aclexplode(a.attacl) AS e
UNION ALL
SELECT 'right', p.proname, concat_ws(' ', pg_get_function_identity_arguments(p.oid), e.grantee,
    e.privilege_type), e.is_grantable::text, NULL
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS e
WHERE p.pronamespace = 'public'::regnamespace
