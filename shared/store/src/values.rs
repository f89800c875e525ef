//! What goes into a statement and what comes out of a row, for both databases.
//!
//! Whole numbers are BIGINT in PostgreSQL, whatever they are in the program, and so are truth values: SQLite has no other.

use std::sync::Arc;

use sqlx::{
    ColumnIndex, Row as _, TypeInfo, ValueRef,
    error::{BoxDynError, UnexpectedNullError},
    postgres::{PgArguments, PgRow},
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{StoreError, bulk::List, nul, numeral};

/// The values of a statement, in the form of its database.
pub(crate) enum Arguments {
    /// For SQLite.
    Sqlite(SqliteArguments),
    /// For PostgreSQL.
    Postgres(PgArguments),
}

impl Arguments {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(SqliteArguments::default())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(PgArguments::default())
    }
}

/// What can be put into a statement. It goes straight into the driver's own arguments.
pub trait Parameter: sealed::Parameter {}

/// What can be read from a row.
pub trait Column<'r>: sealed::Column<'r> {}

/// A decimal number, written without exponent, for a NUMERIC column. PostgreSQL keeps all its digits, and so does SQLite: what it would
/// round it is given as bytes, which its affinity leaves alone.
#[derive(Debug, Clone, Copy)]
pub struct Numeral<'a>(pub &'a str);

impl<T: sealed::Parameter> Parameter for T {}
impl<'r, T: sealed::Column<'r>> Column<'r> for T {}

/// A row that a statement found.
pub struct Row(pub(crate) Found);

pub(crate) enum Found {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`] when there is no such column, or it holds something else.
    pub fn try_get<'r, T: Column<'r>>(&'r self, name: &str) -> Result<T, StoreError> {
        Ok(match &self.0 {
            Found::Sqlite(row) => T::of_sqlite(row, name)?,
            Found::Postgres(row) => T::of_postgres(row, name)?,
        })
    }

    /// The value of the first column.
    pub(crate) fn first<'r, T: Column<'r>>(&'r self) -> Result<T, StoreError> {
        Ok(match &self.0 {
            Found::Sqlite(row) => T::of_sqlite(row, 0)?,
            Found::Postgres(row) => T::of_postgres(row, 0)?,
        })
    }
}

mod sealed {
    use super::{Arguments, BoxDynError, ColumnIndex, PgRow, SqliteRow};

    pub trait Parameter {
        #[expect(private_interfaces, reason = "nobody else implements it")]
        fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError>;
    }

    pub trait Column<'r>: Sized {
        fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error>;
        fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error>;
    }
}

/// A parameter: what either driver is given for `$value`.
macro_rules! parameter {
    ($($type:ty: |$value:ident| $sqlite:expr, $postgres:expr;)+) => {
        $(
            #[expect(private_interfaces, reason = "nobody else implements it")]
            impl sealed::Parameter for $type {
                fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError> {
                    use sqlx::Arguments as _;
                    let $value = self;
                    match arguments {
                        Arguments::Sqlite(arguments) => arguments.add($sqlite),
                        Arguments::Postgres(arguments) => arguments.add($postgres),
                    }
                }
            }
        )+
    };
}

parameter! {
    i64: |value| value, value;
    &i64: |value| *value, *value;
    i32: |value| value, i64::from(value);
    u32: |value| value, i64::from(value);
    &u32: |value| *value, i64::from(*value);
    u16: |value| value, i64::from(value);
    &u16: |value| *value, i64::from(*value);
    bool: |value| value, i64::from(value);
    &str: |value| value, &*nul::hidden(value);
    &&str: |value| *value, &*nul::hidden(value);
    String: |value| value, &*nul::hidden(&value);
    &String: |value| value.as_str(), &*nul::hidden(value);
    Arc<str>: |value| value, &*nul::hidden(&value);
    &List: |value| value.0.as_str(), &*nul::hidden_in_json(&value.0);
    &[u8]: |value| value, value;
    Vec<u8>: |value| value, value;
    Option<i64>: |value| value, value;
    Option<u32>: |value| value, value.map(i64::from);
    Option<u16>: |value| value, value.map(i64::from);
    Option<&str>: |value| value, value.map(nul::hidden).as_deref();
    Option<String>: |value| value, value.as_deref().map(nul::hidden).as_deref();
    Option<&String>: |value| value.map(String::as_str), value.map(|text| nul::hidden(text)).as_deref();
    &Option<String>: |value| value.as_deref(), value.as_deref().map(nul::hidden).as_deref();
    Option<Arc<str>>: |value| value, value.as_deref().map(nul::hidden).as_deref();
}

#[expect(private_interfaces, reason = "nobody else implements it")]
impl sealed::Parameter for Option<Numeral<'_>> {
    fn add_to(self, arguments: &mut Arguments) -> Result<(), BoxDynError> {
        use sqlx::Arguments as _;
        match arguments {
            Arguments::Sqlite(arguments) => match self {
                Some(Numeral(number)) if number.len() > numeral::EXACT_DIGITS => arguments.add(number.as_bytes()),
                number => arguments.add(number.map(|Numeral(number)| Arc::<str>::from(number))),
            },
            Arguments::Postgres(arguments) => arguments.add(self.map(numeral::Numeric)),
        }
    }
}

/// A whole number of PostgreSQL, or a truth value.
fn integer(row: &PgRow, at: impl ColumnIndex<PgRow>) -> Result<Option<i64>, sqlx::Error> {
    let (index, value) = (at.index(row)?, row.try_get_raw(&at)?);
    if value.is_null() {
        return Ok(None);
    }
    let info = value.type_info();
    Ok(Some(match info.name() {
        "BOOL" => i64::from(row.try_get::<bool, _>(index)?),
        "INT2" => i64::from(row.try_get::<i16, _>(index)?),
        "INT4" => i64::from(row.try_get::<i32, _>(index)?),
        _ => row.try_get::<i64, _>(index)?,
    }))
}

fn null<T>(value: Option<T>) -> Result<T, sqlx::Error> {
    value.ok_or_else(|| sqlx::Error::Decode(Box::new(UnexpectedNullError)))
}

macro_rules! whole_number {
    ($($type:ty),+) => { $(
        impl<'r> sealed::Column<'r> for $type {
            fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
                row.try_get(at)
            }
            fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
                <$type>::try_from(null(integer(row, at)?)?).map_err(|error| sqlx::Error::Decode(Box::new(error)))
            }
        }
        impl<'r> sealed::Column<'r> for Option<$type> {
            fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
                row.try_get(at)
            }
            fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
                let value = integer(row, at)?.map(<$type>::try_from).transpose();
                value.map_err(|error| sqlx::Error::Decode(Box::new(error)))
            }
        }
    )+ };
}

whole_number!(i64, u32, u16);

impl<'r> sealed::Column<'r> for bool {
    fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }
    fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
        Ok(null(integer(row, at)?)? != 0)
    }
}

/// Bytes, and texts that are a program's own words and hold no NUL.
macro_rules! plain {
    ($($type:ty),+) => { $(
        impl<'r> sealed::Column<'r> for $type {
            fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
                row.try_get(at)
            }
            fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
                row.try_get(at)
            }
        }
    )+ };
}

plain!(&'r str, Option<&'r str>, Vec<u8>, &'r [u8], Option<Vec<u8>>, Option<&'r [u8]>);

/// A text of PostgreSQL. JSON comes as a text: that is what it is in SQLite.
fn text(row: &PgRow, at: impl ColumnIndex<PgRow>) -> Result<Option<String>, sqlx::Error> {
    if row.try_get_raw(&at)?.type_info().name() == "JSON" {
        let document: Option<&str> = row.try_get_unchecked(at)?;
        return Ok(document.map(|document| nul::shown_in_json(document).into_owned()));
    }
    Ok(row.try_get::<Option<String>, _>(at)?.map(nul::shown))
}

impl<'r> sealed::Column<'r> for String {
    fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }
    fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
        null(text(row, at)?)
    }
}

impl<'r> sealed::Column<'r> for Option<String> {
    fn of_sqlite(row: &'r SqliteRow, at: impl ColumnIndex<SqliteRow>) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }
    fn of_postgres(row: &'r PgRow, at: impl ColumnIndex<PgRow>) -> Result<Self, sqlx::Error> {
        text(row, at)
    }
}
