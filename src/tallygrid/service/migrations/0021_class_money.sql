-- A voucher may be of money that was appropriated to one class of applicants alone.
ALTER TABLE service.voucher ADD COLUMN budget_group text NOT NULL DEFAULT '';
