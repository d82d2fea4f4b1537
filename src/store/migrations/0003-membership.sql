-- The membership engine in full: approvals, suggestions, scheduled states, and the history of every membership.

-- Settings that organizations have from now on.
update organization set settings = settings
  || '{"selfEditable": [], "hold": {"percent": 10, "members": 1000, "least": 10}, "reviewers": []}'::jsonb;

-- approved: a member by approval, or one that was kept when the mode of the group changed.
alter table manual_member add column approved boolean not null default false;

-- Nothing has written suggestions before. rejected_at: not to be shown again while the facts stay as they are.
alter table suggestion
  add column id uuid not null default gen_random_uuid(),
  add column rejected_at timestamptz,
  add unique (org, id);
create index suggestion_group on suggestion (org, group_id, id);
-- The rules of these suggest from now on: they are carried through at the start.
update groups set status = 'activating' where mode = 'review';
-- Up to when the reviewers have been told of suggestions.
create table review_notice (
  org uuid primary key references organization on delete cascade,
  told_until timestamptz not null,
  told_at timestamptz not null
);

-- A state that a user is to have from an instant on.
create table state_change (
  org uuid not null references organization on delete cascade,
  id uuid not null,
  user_id uuid not null,
  state text not null check (state in ('staged', 'active', 'suspended')),
  at timestamptz not null,
  reason text not null,
  created_at timestamptz not null,
  primary key (org, id),
  unique (org, user_id, at)
);

alter table attribute_definition add column self_editable boolean not null default false;

-- The groups whose members a record tells of.
alter table audit add column group_ids uuid[];
create index audit_group_ids on audit using gin (group_ids) where group_ids is not null;

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
  insert into audit (org, sequence, at, kind, outcome, subject_id, target_id, group_ids, reference, body, previous, hash)
  select the_org, head.sequence + given.place, (doc->>'at')::timestamptz, doc->>'kind', coalesce(doc->>'outcome', doc->>'action'),
    (doc#>>'{trace,subject,id}')::uuid, coalesce(doc#>>'{trace,resource,id}', doc#>>'{target,id}')::uuid,
    case doc->>'action' when 'membership.change' then array(select jsonb_array_elements_text(
      coalesce(doc#>'{details,joined}', '[]') || coalesce(doc#>'{details,left}', '[]'))::uuid) end, doc->>'reference',
    given.content, case given.place when 1 then head.hash else hashes[given.place - 1] end, hashes[given.place]
  from unnest(bodies) with ordinality as given (content, place)
  -- offset 0: read once, not once for each value taken from it
  cross join lateral (select given.content::jsonb as doc offset 0) parsed;
  head.sequence := head.sequence + cardinality(bodies);
  update audit_head set sequence = head.sequence, hash = last where org = the_org;
  return head.sequence;
end $$;
