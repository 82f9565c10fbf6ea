"""tallygrid: compute vouchers from the published policy to the paid provider.

The path is one module per step, readable from left to right::

    programme → application → decision → voucher → quote → placement → job → usage → settlement

`core` holds the values and the pure functions of every step; `service` makes them so.
"""
