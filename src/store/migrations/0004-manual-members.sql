-- The members of a group by hand are listed by the group, and go with it.
create index manual_member_group on manual_member (org, group_id, subject_id);
