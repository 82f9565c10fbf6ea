-- Which site runs a purchase's job: another one that never heard of it shall not begin it again.
ALTER TABLE service.purchase ADD COLUMN served_by text;
GRANT UPDATE (served_by) ON service.purchase TO tallygrid_web;
