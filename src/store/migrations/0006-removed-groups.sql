-- A group is removed at once, however many are in it; its members leave some hundred at a time, told of as `removal` says.
create table removed_group (
  org uuid not null references organization on delete cascade,
  group_id uuid not null,
  removal jsonb not null,
  primary key (org, group_id)
);
-- Who writes these rows asks for the epoch of the rules, which changes with every group that goes.
alter table membership drop constraint membership_org_group_id_fkey;
alter table manual_member drop constraint manual_member_org_group_id_fkey;
alter table suggestion drop constraint suggestion_org_group_id_fkey;
