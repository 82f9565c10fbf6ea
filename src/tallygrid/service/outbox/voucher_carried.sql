-- What is left of a voucher was carried into another fiscal year.
UPDATE service.voucher
SET fiscal_year = (%(payload)s::jsonb ->> 'fiscal_year')::integer
WHERE id = %(payload)s::jsonb ->> 'voucher'
