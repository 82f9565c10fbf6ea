-- Usage or a delivery was accepted: one more line, the purchase moves on, and its vouchers are
-- as much used as the books say (the law of their states is tallygrid.core.voucher). After the
-- last one its cards are free.
WITH given AS (
    SELECT
        %(payload)s::jsonb -> 'line' AS line,
        %(payload)s::jsonb ->> 'state' AS state,
        %(payload)s::jsonb -> 'vouchers' AS vouchers
),

lined AS (
    INSERT INTO service.line
    SELECT line.*
    FROM given, jsonb_populate_record(NULL::service.line, given.line) AS line
    ON CONFLICT (purchase, n) DO NOTHING
),

freed AS (
    UPDATE service.reservation
    SET ends_at = least(
        ends_at, greatest((given.line ->> 'used_at')::timestamptz, starts_at + interval '1 second')
    )
    FROM given
    WHERE given.state = 'settled' AND reservation.purchase = given.line ->> 'purchase'
),

used AS (
    SELECT
        voucher.id,
        (voucher.grant_terms ->> 'room_fen')::bigint AS face_fen,
        sum(account.in_fen - account.out_fen) AS left_fen
    FROM service.voucher
    INNER JOIN books.account ON account.kind = 'committed' AND account.holder = voucher.id
    WHERE voucher.id IN (SELECT jsonb_array_elements_text(vouchers) FROM given)
    GROUP BY voucher.id
),

aged AS (
    UPDATE service.voucher
    SET state = CASE
        WHEN used.left_fen = used.face_fen THEN 'issued'
        WHEN used.left_fen > 0 THEN 'part_used'
        ELSE 'used_up'
    END
    FROM used
    WHERE voucher.id = used.id AND voucher.state IN ('issued', 'part_used', 'used_up')
)

UPDATE service.purchase
SET state = given.state
FROM given
WHERE purchase.id = given.line ->> 'purchase'
