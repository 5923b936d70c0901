"""The store's tables, guards and departures, made in a schema of PostgreSQL's."""

from __future__ import annotations

import re
from typing import Any, Final

import sqlalchemy as sa

from newsletter.errors import NewsletterError
from newsletter.store.departure_rules import DEPARTURES
from newsletter.store.every_table import metadata
from newsletter.store.guards import GUARDS
from newsletter.store.postgres import histories as _histories  # noqa: F401  # has them compiled
from newsletter.store.tables import deliveries

_OWN: Final = sa.MetaData()

#: Who has left in a transaction; it empties the table before it ends, into this machine's list.
departed: Final = sa.Table(
    "departed",
    _OWN,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
)

#: How many lines of each machine's list of departures these records know.
departure_lists: Final = sa.Table(
    "departure_lists",
    _OWN,
    sa.Column("machine", sa.Text, primary_key=True),
    sa.Column("lines", sa.BigInteger, nullable=False),
)

#: Locks of the whole store: each a lease that its holder renews, told by the database's clock.
leases: Final = sa.Table(
    "leases",
    _OWN,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
)

#: How fast the accounts are sent from, by all machines: when the next place is, how far it is from
#: the one before, mails a second now and at most. Made anew after a crash, which costs a burst.
paces: Final = sa.Table(
    "paces",
    _OWN,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("next", sa.DateTime(timezone=True), nullable=False),
    sa.Column("step", sa.Double, nullable=False),
    sa.Column("rate", sa.Double, nullable=False),
    sa.Column("full_rate", sa.Double, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("cut_at", sa.DateTime(timezone=True)),
    prefixes=["UNLOGGED"],
)

#: Deliveries that are of no run.
_ORPHANS: Final = (
    "SELECT FROM {rows} WHERE NOT EXISTS (SELECT FROM runs WHERE id = {rows}.run_id "
    "AND issue = {rows}.issue AND rehearsal = {rows}.rehearsal)"
)

#: Of what deliveries belong to, in place of a foreign key, which would look it up for each of a
#: million rows, in a quarter of the time in which they are frozen: a statement's rows are asked for
#: all at once, and the run stays for as long as another transaction adds some; in transactions that
#: read what is committed, as all of the program do. What they belong to is never changed in either
#: table, see the guards `deliveries_fixed` and `runs_fixed`.
_BELONGING: Final = {
    "deliveries_belong": (
        "AFTER INSERT ON deliveries REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        "PERFORM FROM runs WHERE id IN (SELECT run_id FROM added) FOR KEY SHARE",
        _ORPHANS.format(rows="added"),
        "a delivery is of a run, its issue and its namespace",
    ),
    "runs_left": (
        "BEFORE DELETE ON runs FOR EACH ROW",
        "NULL",
        "SELECT FROM deliveries WHERE run_id = OLD.id",
        "its deliveries are there",
    ),
}

#: A condition that is added to a number.
_ADDED: Final = re.compile(r"\+ (\([^()]*\))")

_TRIGGER: Final = "CREATE TRIGGER {name} {what} EXECUTE FUNCTION newsletter_{name}()"
_BODY: Final = " BEGIN {body} END "
_FUNCTION: Final = (
    "CREATE FUNCTION newsletter_{name}() RETURNS trigger LANGUAGE plpgsql "
    # Else a table of the same name that somebody makes for a moment would be asked.
    'SET search_path = "{schema}", pg_temp AS $body${body}$body$'
)


def create(connection: sa.Connection, schema: str) -> None:
    """Make everything in a schema that is the first of the search path, itself where it lacks."""
    there = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :schema")
    if connection.execute(there, {"schema": schema}).first() is None:
        connection.execute(sa.schema.CreateSchema(schema))
    _shaped().create_all(connection)
    _OWN.create_all(connection)
    for one in DEPARTURES:
        body = (
            f"IF ({one.when}) THEN INSERT INTO departed (kind, name) "  # noqa: S608  # fixed words
            f"VALUES ({one.kind}, {one.who}); END IF; RETURN NULL;"
        )
        _trigger(
            connection, schema, f"departure_{one.name}", f"AFTER {one.what} FOR EACH ROW", body
        )


def reshape(connection: sa.Connection, schema: str) -> None:
    """Give every column the type it has in a new store, and make what only PostgreSQL has."""
    _OWN.create_all(connection)
    found = sa.text(
        "SELECT table_name, column_name, data_type, collation_name "
        "FROM information_schema.columns WHERE table_schema = :schema"
    )
    there = {row[:2]: row for row in connection.execute(found, {"schema": schema})}
    for table in _shaped().sorted_tables:
        for column in table.columns:
            row = there[table.name, column.name]
            text = isinstance(column.type, sa.String)
            if row.collation_name != "C" if text else row.data_type == "integer":
                kind = column.type.compile(connection.dialect)
                name = f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.name}"'
                connection.exec_driver_sql(f"{name} TYPE {kind}")


def create_guards(connection: sa.Connection, schema: str) -> None:
    """Make all guards, in a store that has none.

    Raises:
        NewsletterError: a delivery is of no run, which guards would not notice any more.
    """
    if connection.exec_driver_sql(
        f"SELECT EXISTS ({_ORPHANS.format(rows='deliveries')})"
    ).scalar_one():
        raise NewsletterError(
            "deliveries are on record without the run that they were sent in",
            hint="nothing was changed; restore a backup, or report this",
        )
    for name, (what, body) in _guards().items():
        _trigger(connection, schema, name, what, body)


def deviations(connection: sa.Connection, schema: str) -> tuple[str, ...]:
    """The names of guards that a store lacks, has in another form, or has beside them, sorted."""
    # Without the schema, which is written out or not as the connection's search path has it, and
    # without quotes, which stand around words that SQL knows.
    found = sa.text(
        "SELECT t.tgname, t.tgenabled, p.prosrc AS body, "
        "replace(replace(pg_get_triggerdef(t.oid), quote_ident(:schema) || '.', ''), '\"', '') "
        "AS made, "
        "p.proconfig = ARRAY['search_path=' || quote_ident(:schema) || ', pg_temp'] AS safe "
        "FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :schema AND NOT t.tgisinternal AND t.tgname NOT LIKE 'departure\\_%'"
    )
    there = {
        row.tgname: (row.made, row.body, row.safe)
        for row in connection.execute(found, {"schema": schema})
        if row.tgenabled in {"O", "A"}
    }
    wanted = {
        name: (_TRIGGER.format(name=name, what=what), _BODY.format(body=body), True)
        for name, (what, body) in _guards().items()
    }
    return tuple(sorted(name for name in there | wanted if there.get(name) != wanted.get(name)))


def _guards() -> dict[str, tuple[str, str]]:
    """What each guard watches, and what its function does, by its name."""
    found = {}
    for guard in GUARDS:
        row = "OLD" if guard.what.startswith("DELETE") else "NEW"
        when = _ADDED.sub(r"+ \1::int", guard.when)
        body = f"IF ({when}) THEN {_refusal(guard.why)} END IF; RETURN {row};"
        found[guard.name] = f"BEFORE {guard.what} FOR EACH ROW", body
    for name, (what, first, bad, why) in _BELONGING.items():
        body = f"{first}; IF EXISTS ({bad}) THEN {_refusal(why)} END IF; RETURN OLD;"
        found[name] = what, body
    # Only PostgreSQL empties a table without asking for each of its rows.
    refusal = _refusal("records are not thrown away")
    for table in metadata.tables:
        found[f"{table}_emptied"] = f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", refusal
    return found


def drop_guards(connection: sa.Connection, schema: str) -> None:
    """Take away whatever guards a store has, of this version or another."""
    found = sa.text(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = :schema AND p.proname LIKE 'newsletter\\_%' "
        "AND p.proname NOT LIKE 'newsletter\\_departure\\_%'"
    )
    for name in connection.execute(found, {"schema": schema}).scalars().all():
        connection.exec_driver_sql(f'DROP FUNCTION "{name}"() CASCADE')


def highest(connection: sa.Connection, table: sa.Table, schema: str) -> int:
    """The highest number that a table has ever given to a row, 0 before the first."""
    [column] = table.primary_key.columns
    there = connection.execute(sa.select(sa.func.max(column))).scalar() or 0
    name = _sequence(connection, table, schema)
    query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}"  # noqa: S608  # its own name for it
    return max(there, int(connection.exec_driver_sql(query).scalar_one()))


def number_from(connection: sa.Connection, table: sa.Table, schema: str, highest: int) -> None:
    """Have a table give only numbers that are higher."""
    if highest:
        sequence = _sequence(connection, table, schema)
        connection.exec_driver_sql("SELECT setval(%s, %s)", (sequence, highest))


def _sequence(connection: sa.Connection, table: sa.Table, schema: str) -> str:
    [column] = table.primary_key.columns
    query = "SELECT pg_get_serial_sequence(%s, %s)"
    names = f'"{schema}"."{table.name}"', column.name
    return str(connection.exec_driver_sql(query, names).scalar_one())


def _shaped() -> sa.MetaData:
    """The tables as PostgreSQL has them.

    Numbers do not run out, text is in byte order, an index of some rows alone is one here too, and
    guards say which run deliveries belong to.
    """
    shaped = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        copied = table.to_metadata(shaped)
        if table is deliveries:
            copied.constraints -= copied.foreign_key_constraints
        for index in copied.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
        for column in copied.columns:
            kind = column.type
            if isinstance(kind, sa.types.TypeDecorator):
                kind = kind.impl_instance
            if isinstance(kind, sa.Integer):
                column.type = sa.BigInteger()
            elif isinstance(kind, sa.String):
                column.type = type(kind)(kind.length, collation="C")
    return shaped


def _refusal(why: str) -> str:
    return f"RAISE EXCEPTION USING MESSAGE = '{why}', ERRCODE = '23514', CONSTRAINT = TG_NAME;"


def _trigger(connection: sa.Connection, schema: str, name: str, what: str, body: str) -> None:
    function = _FUNCTION.format(name=name, schema=schema, body=_BODY.format(body=body))
    connection.exec_driver_sql(function.replace("%", "%%"))
    connection.exec_driver_sql(_TRIGGER.format(name=name, what=what))


def count_in_whole_numbers(
    connection: Any,  # noqa: ANN401  # the driver's
    _record: object,
) -> None:
    """Have a sum of whole numbers be one: PostgreSQL widens it to `numeric`, which we keep none of.

    What has a fraction is a ValueError.
    """
    from psycopg.types.numeric import IntLoader  # noqa: PLC0415  # an extra

    connection.adapters.register_loader("numeric", IntLoader)
