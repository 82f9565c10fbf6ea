-- An award may have to wait for its money; the application says what it leads to then.
ALTER TABLE service.application ADD COLUMN way text NOT NULL DEFAULT 'voucher'
    CHECK (way IN ('voucher', 'ex_post', 'notice'));
