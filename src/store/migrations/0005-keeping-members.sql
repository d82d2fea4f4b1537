-- Of a group that is no longer dynamic: whoever is still a member by rule is to be kept by hand.
alter table groups add column keeping boolean not null default false;
