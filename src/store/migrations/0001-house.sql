-- The first storey. Every table is keyed by organization first, so that a distributed PostgreSQL can shard on it.

create sequence posix_id as integer start 10000 maxvalue 2147483647;

create table organization (
  id uuid primary key,
  slug text not null unique,
  name text not null,
  domain text not null unique,
  settings jsonb not null,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- The rules of an organization as of one epoch; engine_version refuses writers of an older meaning.
create table rules_epoch (
  org uuid primary key references organization on delete cascade,
  epoch bigint not null default 1,
  engine_version integer not null default 1
);

create table users (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  username text not null,
  username_key text not null,
  email text,
  email_key text,
  state text not null check (state in ('staged', 'active', 'suspended')),
  given_name text, family_name text, display_name text, department text, title text,
  employee_type text, location text, company text, cost_center text,
  manager_id uuid,
  posix_id integer not null default nextval('posix_id'),
  attributes jsonb not null default '{}',
  version integer not null default 1,
  cell_version bigint not null default 1,
  -- the earliest instant at which a membership of this cell can change by time alone
  next_due timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, username_key),
  unique (org, email_key),
  unique (org, posix_id)
) with (fillfactor = 80);
create index users_display_name on users (org, lower(display_name));
create index users_family_name on users (org, lower(family_name));
create index users_department on users (org, lower(department));
create index users_next_due on users (next_due) where next_due is not null;

create table devices (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  name_key text not null,
  os text check (os in ('macos', 'windows', 'linux', 'ios', 'android')),
  os_version text,
  serial_number text,
  serial_key text,
  owner_id uuid,
  managed boolean not null default false,
  disk_encrypted boolean,
  last_contact timestamptz,
  mac text[] not null default '{}',
  attributes jsonb not null default '{}',
  version integer not null default 1,
  cell_version bigint not null default 1,
  next_due timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, name_key),
  unique (org, serial_key)
) with (fillfactor = 80);
create index devices_owner on devices (org, owner_id);
create index devices_next_due on devices (next_due) where next_due is not null;

create table groups (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  name_key text not null,
  of text not null check (of in ('users', 'devices')),
  mode text not null check (mode in ('static', 'dynamic', 'review')),
  rule text,
  factors text[] not null default '{}',
  posix_id integer not null default nextval('posix_id'),
  status text not null default 'active' check (status in ('active', 'activating')),
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, name_key),
  unique (org, posix_id)
);

-- Effective membership only. reasons: 1 rule, 2 exemption, 4 manual, added up.
create table membership (
  org uuid not null,
  subject_id uuid not null,
  group_id uuid not null,
  reasons smallint not null,
  since timestamptz not null,
  primary key (org, subject_id, group_id),
  foreign key (org, group_id) references groups on delete cascade
);
create index membership_group on membership (org, group_id, subject_id);

-- Inputs beside the rules.
create table manual_member (
  org uuid not null,
  subject_id uuid not null,
  group_id uuid not null,
  primary key (org, subject_id, group_id),
  foreign key (org, group_id) references groups on delete cascade
);
create table exemption (
  org uuid not null,
  id uuid not null,
  group_id uuid not null,
  subject_id uuid not null,
  kind text not null check (kind in ('always', 'never')),
  reason text not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  primary key (org, id),
  unique (org, group_id, subject_id),
  foreign key (org, group_id) references groups on delete cascade
);
create index exemption_subject on exemption (org, subject_id);

-- Joins and leaves that a review group waits to have approved.
create table suggestion (
  org uuid not null,
  subject_id uuid not null,
  group_id uuid not null,
  operation text not null check (operation in ('join', 'leave')),
  since timestamptz not null,
  primary key (org, subject_id, group_id),
  foreign key (org, group_id) references groups on delete cascade
);

create table attribute_definition (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  name_key text not null,
  of text not null check (of in ('users', 'devices')),
  type text not null check (type in ('string', 'number', 'boolean', 'date', 'list')),
  case_exact boolean not null default false,
  description text,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, of, name_key)
);

create table resource (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  name_key text not null,
  kind text not null check (kind in ('directory', 'network', 'application', 'portal', 'console')),
  enabled boolean not null default true,
  nas_identifier text,
  ssid text,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, name_key)
);

-- A source network belongs to one organization: its packets name no other.
create table radius_client (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  network cidr not null unique,
  secret bytea not null,
  created_at timestamptz not null,
  primary key (org, id)
);
create table network_client (
  org uuid not null,
  resource_id uuid not null,
  client_id uuid not null,
  primary key (org, resource_id, client_id),
  foreign key (org, resource_id) references resource on delete cascade,
  foreign key (org, client_id) references radius_client on delete cascade
);

create table binding (
  org uuid not null,
  id uuid not null,
  group_id uuid not null,
  resource_id uuid not null,
  attributes jsonb not null default '{}',
  factors text[] not null default '{}',
  position integer not null default 100,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, resource_id, group_id),
  foreign key (org, group_id) references groups,
  foreign key (org, resource_id) references resource on delete cascade
);
create index binding_group on binding (org, group_id);

create table service_account (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  name_key text not null,
  enabled boolean not null default true,
  reads text[] not null default '{}',
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id),
  unique (org, name_key)
);

-- Proofs a user or service account can give. secret is sealed; last_step is the last one-time code's time step.
create table factor (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  owner_id uuid not null,
  kind text not null check (kind in ('password', 'totp', 'push', 'webauthn', 'certificate', 'recovery-code')),
  secret bytea not null,
  last_step bigint not null default 0,
  version uuid not null,
  created_at timestamptz not null,
  primary key (org, id),
  unique (org, owner_id, kind)
);

-- Failures by canonical subject. familiar_source: where the subject has got in from, with failures of its own.
create table lockout (
  org uuid not null,
  subject_id uuid not null,
  failures integer not null default 0,
  locked_until timestamptz,
  last_failure timestamptz,
  wrong_codes integer not null default 0,
  wrong_codes_since timestamptz,
  primary key (org, subject_id)
) with (fillfactor = 60);
create table familiar_source (
  org uuid not null,
  subject_id uuid not null,
  peer text not null,
  last_success timestamptz not null,
  failures integer not null default 0,
  primary key (org, subject_id, peer)
);

create table api_token (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  name text not null,
  digest bytea not null unique,
  role text not null check (role in ('owner', 'administrator', 'auditor')),
  expires_at timestamptz,
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org, id)
);

-- Told in the transaction of the change it tells of: "this object is not what it was". xid first, so that a reader
-- that sees a gap in seq can tell when its writer is gone.
create table change_log (
  xid xid8 not null default pg_current_xact_id(),
  seq bigserial primary key,
  org uuid not null,
  kind text not null,
  id uuid not null,
  at timestamptz not null default now()
);

create table audit_head (
  org uuid primary key references organization on delete cascade,
  sequence bigint not null default 0,
  hash bytea not null
);
create table audit (
  org uuid not null,
  sequence bigint not null,
  at timestamptz not null,
  kind text not null,
  outcome text,
  subject_id uuid,
  target_id uuid,
  -- the exact text that the hash covers
  body text not null,
  previous bytea not null,
  hash bytea not null,
  primary key (org, sequence)
);
create index audit_subject on audit (org, subject_id, sequence);
create index audit_target on audit (org, target_id, sequence);

-- Appends records to an organization's chain: hash = SHA-256(previous hash || body). The row of audit_head is locked
-- until the transaction ends, so the chain has one order. The rows are one statement, which costs less than one each.
create function append_audit(the_org uuid, bodies text[]) returns bigint language plpgsql as $$
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
  insert into audit (org, sequence, at, kind, outcome, subject_id, target_id, body, previous, hash)
  select the_org, head.sequence + given.place, (doc->>'at')::timestamptz, doc->>'kind', coalesce(doc->>'outcome', doc->>'action'),
    (doc#>>'{trace,subject,id}')::uuid, coalesce(doc#>>'{trace,resource,id}', doc#>>'{target,id}')::uuid,
    given.content, case given.place when 1 then head.hash else hashes[given.place - 1] end, hashes[given.place]
  from unnest(bodies) with ordinality as given (content, place)
  -- offset 0: read once, not once for each value taken from it
  cross join lateral (select given.content::jsonb as doc offset 0) parsed;
  head.sequence := head.sequence + cardinality(bodies);
  update audit_head set sequence = head.sequence, hash = last where org = the_org;
  return head.sequence;
end $$;

-- Proves that the sealing key is the one these secrets were sealed with.
create table sealing_check (
  single boolean primary key default true check (single),
  sealed bytea not null
);
