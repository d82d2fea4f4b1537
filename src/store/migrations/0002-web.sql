-- The web doors: sessions, applications, what stays open at them, and the keys that sign for them.

-- Settings that organizations have from now on.
update organization set settings = settings
  || '{"session": {"idleSeconds": 14400, "longestSeconds": 43200}, "color": "#2f5bd7"}'::jsonb;

-- application: an OIDC client or SAML service provider, without its secret, which lies sealed beside it.
alter table resource
  add column application jsonb,
  -- 'oidc:' and the client id, or 'saml:' and the entity id
  add column application_key text,
  add column client_secret bytea,
  add constraint resource_org_application_key_key unique (org, application_key);

-- A browser that signed in. digest: SHA-256 of the token in its cookie, which is not stored.
create table session (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  user_id uuid not null,
  digest bytea not null,
  -- [{kind, factorVersion, at}]
  proof jsonb not null,
  peer text,
  user_agent text not null,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (org, id),
  unique (org, digest)
);
create index session_user_id on session (org, user_id);
create index session_expiry on session (expires_at);

-- What is open at an application because of a permit: an OIDC grant, a SAML session index. session_id is null once it
-- outlives the session it came from (offline access).
create table application_session (
  org uuid not null,
  id uuid not null,
  user_id uuid not null,
  resource_id uuid not null,
  session_id uuid,
  door text not null check (door in ('oidc', 'saml')),
  proof jsonb not null,
  details jsonb not null default '{}',
  opened_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (org, id),
  foreign key (org, resource_id) references resource on delete cascade
);
create index application_session_user on application_session (org, user_id);
create index application_session_session on application_session (org, session_id);
create index application_session_resource on application_session (org, resource_id);
create index application_session_expiry on application_session (expires_at);

-- What OpenID Connect keeps: codes, tokens, interactions. digest: SHA-256 of the identifier, which is a secret for most.
create table oidc_object (
  org uuid not null references organization on delete cascade,
  model text not null,
  digest bytea not null,
  payload jsonb not null,
  grant_id text,
  uid text,
  consumed_at timestamptz,
  expires_at timestamptz,
  primary key (org, model, digest)
);
create index oidc_object_grant on oidc_object (org, grant_id) where grant_id is not null;
create index oidc_object_uid on oidc_object (org, uid) where uid is not null;
create index oidc_object_expiry on oidc_object (expires_at);

-- Identifiers that count once: SAML requests, client assertions.
create table used_once (
  org uuid not null references organization on delete cascade,
  kind text not null,
  digest bytea not null,
  expires_at timestamptz not null,
  primary key (org, kind, digest)
);
create index used_once_expiry on used_once (expires_at);

-- Keys that sign for OIDC and SAML. Published from created_at until retired_at, signing from active_from until a newer one does.
create table signing_key (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  purpose text not null check (purpose in ('oidc', 'saml')),
  algorithm text not null check (algorithm in ('RS256', 'ES256')),
  private_key bytea not null,
  -- SubjectPublicKeyInfo in PEM, or the certificate where the purpose is saml
  public_text text not null,
  created_at timestamptz not null,
  active_from timestamptz not null,
  retired_at timestamptz,
  primary key (org, id)
);

-- A factor whose enrolment has not been confirmed: counts for nothing, and goes with the session that it was begun in.
create table pending_factor (
  org uuid not null,
  session_id uuid not null,
  kind text not null check (kind in ('totp')),
  secret bytea not null,
  expires_at timestamptz not null,
  primary key (org, session_id, kind),
  foreign key (org, session_id) references session on delete cascade
);

-- Unused recovery codes of the factor of kind recovery-code, as SHA-256 digests of at least 80 random bits each.
create table recovery_code (
  org uuid not null,
  factor_id uuid not null,
  digest bytea not null,
  primary key (org, factor_id, digest),
  foreign key (org, factor_id) references factor on delete cascade
);

-- What a refused person quotes to their administrator.
alter table audit add column reference text;
create index audit_reference on audit (org, reference) where reference is not null;

-- As before, and the reference with it.
create or replace function append_audit(the_org uuid, bodies text[]) returns bigint language plpgsql as $$
declare
  head audit_head%rowtype;
  last bytea;
  hashes bytea[];
  one text;
begin
  select * into head from audit_head where org = the_org for update;
  if not found then
    raise exception 'organization % has no audit chain', the_org;
  end if;
  last := head.hash;
  foreach one in array bodies loop
    last := sha256(last || convert_to(one, 'UTF8'));
    hashes := hashes || last;
  end loop;
  insert into audit (org, sequence, at, kind, outcome, subject_id, target_id, reference, body, previous, hash)
  select the_org, head.sequence + given.place, (doc->>'at')::timestamptz, doc->>'kind', coalesce(doc->>'outcome', doc->>'action'),
    (doc#>>'{trace,subject,id}')::uuid, coalesce(doc#>>'{trace,resource,id}', doc#>>'{target,id}')::uuid, doc->>'reference',
    given.content, case given.place when 1 then head.hash else hashes[given.place - 1] end, hashes[given.place]
  from unnest(bodies) with ordinality as given (content, place)
  -- offset 0: read once, not once for each value taken from it
  cross join lateral (select given.content::jsonb as doc offset 0) parsed;
  head.sequence := head.sequence + cardinality(bodies);
  update audit_head set sequence = head.sequence, hash = last where org = the_org;
  return head.sequence;
end $$;
