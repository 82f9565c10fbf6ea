"""A database whose clock a test can turn, for every session at once."""

from typing import Any, Final

from psycopg import Connection

_SET_UP: Final = (
    "CREATE TABLE public.clock_step (by interval NOT NULL)",
    "INSERT INTO public.clock_step VALUES ('0')",
    "GRANT SELECT ON public.clock_step TO PUBLIC",
    "ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO true_clock_timestamp",
    """
    CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql VOLATILE
    AS 'BEGIN RETURN true_clock_timestamp() + (SELECT by FROM public.clock_step); END'
    """,
)


def make_turnable(administrator: Connection[Any]) -> None:
    """Let the clock of the administrator's database be turned from now on."""
    for statement in _SET_UP:
        administrator.execute(statement.encode())


def turn(administrator: Connection[Any], by: str) -> None:
    """Set the clock off by so much."""
    administrator.execute("UPDATE public.clock_step SET by = %s", [by])
