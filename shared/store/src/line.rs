//! Connections to PostgreSQL over a line that may fall silent.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clock::{SystemClock, timeout};
use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, SqlSafeStr, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{StoreError, patience::answered};

/// A connection that has been idle for less is taken for alive.
const ALIVE_FOR: Duration = Duration::from_secs(1);

/// How long one waits until a connection is free.
const FREE_WITHIN: Duration = Duration::from_secs(30);

/// So many connections at most, of which those that fell silent are given up, whoever had them and whatever became of that.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    options: Arc<PgConnectOptions>,
    connections: u32,
    patience: Duration,
    pool: Arc<Mutex<Pool>>,
}

/// A pool gives up a connection only when it has sent what it still has for it, so one that fell silent may keep its place in it for ever. Then another pool
/// takes over, and whoever has a connection of the former one is left in peace.
#[derive(Debug, Clone)]
struct Pool {
    connections: PgPool,
    may_be_blocked: Arc<AtomicBool>,
}

impl Line {
    /// A line of at most so many connections, the first of which is made when it is needed.
    pub(crate) fn new(options: PgConnectOptions, connections: u32, patience: Duration) -> Self {
        let options = Arc::new(options);
        let pool = Arc::new(Mutex::new(Pool::new(&options, connections, patience)));
        Self { options, connections, patience, pool }
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        let pool = self.pool();
        let acquired = pool.connections.acquire().await;
        Ok(pool.noting(acquired)?)
    }

    /// A transaction that this statement begins, as soon as a connection is free.
    pub(crate) async fn begin(&self, statement: impl SqlSafeStr) -> Result<Transaction<'static, Postgres>, StoreError> {
        let pool = self.pool();
        let beginning = async { pool.noting(pool.connections.begin_with(statement).await) };
        answered(Some(self.patience), beginning).await
    }

    /// The pool that is to be used next.
    pub(crate) fn connections(&self) -> PgPool {
        self.pool().connections
    }

    fn pool(&self) -> Pool {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.may_be_blocked.load(Ordering::Relaxed) {
            *pool = Pool::new(&self.options, self.connections, self.patience);
        }
        pool.clone()
    }

    pub(crate) async fn close(&self) {
        let pool = self.pool();
        pool.connections.close().await;
    }
}

impl Pool {
    fn new(options: &PgConnectOptions, connections: u32, patience: Duration) -> Self {
        // It has nothing to do but to say that it is there.
        let patience = patience / 6;
        let may_be_blocked = Arc::new(AtomicBool::default());
        let blocking = Arc::clone(&may_be_blocked);
        // The pool asks for a sign of life as well whenever it takes a connection back, and waits for ever; before it gives one away it need not do so again.
        let connections = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(FREE_WITHIN)
            .test_before_acquire(false)
            .before_acquire(move |connection, state| {
                Box::pin(async move { if state.idle_for < ALIVE_FOR { Ok(true) } else { lives(connection, patience).await } })
            })
            .after_release(move |connection, _| {
                let blocking = Arc::clone(&blocking);
                Box::pin(
                    async move { lives(connection, patience).await.inspect_err(|_| blocking.store(true, Ordering::Relaxed)) },
                )
            })
            .connect_lazy_with(options.clone());
        Self { connections, may_be_blocked }
    }

    /// Whoever waits so long for a connection may wait for one that is never given back.
    fn noting<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if matches!(outcome, Err(sqlx::Error::PoolTimedOut)) {
            self.may_be_blocked.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

async fn lives(connection: &mut PgConnection, patience: Duration) -> Result<bool, sqlx::Error> {
    timeout(&SystemClock, patience, connection.ping()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use clock::sleep;
    use testkit::Cable;

    use super::*;
    use crate::{Company, Connection, Database, Location, Schema, StoreLock, test_server};

    const SCHEMA: Schema = Schema { steps: &["CREATE TABLE thing (id INTEGER PRIMARY KEY)"] };
    const INSERT: &str = "INSERT INTO thing (id) VALUES (?)";
    const COUNT: &str = "SELECT count(*) FROM thing";
    /// What has not come by then does not come.
    const DEADLINE: Duration = Duration::from_secs(60);

    /// An empty database behind a cable, and waited for less long than a real one.
    async fn behind_a_cable() -> (Cable, Location) {
        let cable = Cable::to_postgres(&test_server::address().await.unwrap()).await.unwrap();
        let Location::Server(mut server) = cable.url().parse().unwrap() else { panic!("it is no folder") };
        server.patience = Duration::from_secs(1);
        (cable, Location::Server(server))
    }

    /// The first answer that is none of a broken line.
    async fn sooner_or_later<T>(attempt: impl AsyncFn() -> Result<T, StoreError>) -> T {
        let attempts = async {
            loop {
                match attempt().await {
                    Ok(answer) => return answer,
                    Err(StoreError::Silent { .. } | StoreError::Database(_)) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        };
        timeout(&SystemClock, DEADLINE, attempts).await.unwrap()
    }

    async fn count(store: &Database) -> Result<i64, StoreError> {
        store.query(COUNT).scalar().await
    }

    async fn insert(store: &Database, id: i64) -> Result<(), StoreError> {
        let mut transaction = store.write().await?;
        transaction.query(INSERT).bind(id).execute().await?;
        transaction.commit().await
    }

    #[tokio::test]
    async fn on_a_silent_line_nothing_waits_for_ever_and_all_goes_on_over_another() {
        let (cable, location) = behind_a_cable().await;
        let store = Database::open(&location, "thing", SCHEMA).await.unwrap();
        // Each of its connections is at something else when the line falls silent.
        let (mut reader, mut moment) = (store.read().await.unwrap(), store.read_one_moment().await.unwrap());
        let mut transaction = store.write().await.unwrap();
        transaction.query(INSERT).bind(1).execute().await.unwrap();
        cable.silence();
        assert!(matches!(transaction.query(INSERT).bind(2).execute().await, Err(StoreError::Silent { .. })));
        assert!(matches!(reader.query(COUNT).scalar::<i64>().await, Err(StoreError::Silent { .. })));
        assert!(matches!(moment.query(COUNT).fetch_all().await, Err(StoreError::Silent { .. })));
        assert!(matches!(transaction.commit().await, Err(StoreError::Silent { .. })));
        drop((reader, moment));
        // The server held the schema's writer for the old one.
        sooner_or_later(async || insert(&store, 3).await).await;
        assert_eq!(sooner_or_later(async || count(&store).await).await, 1, "what was under way is undone");
        cable.silence();
        sooner_or_later(async || insert(&store, 4).await).await;
        assert_eq!(sooner_or_later(async || count(&store).await).await, 2);
        cable.freeze(true);
        assert!(matches!(store.read_one_moment().await, Err(StoreError::Silent { .. })));
        assert!(matches!(store.write().await, Err(StoreError::Silent { .. })));
    }

    /// As who asks for a service's numbers is.
    #[tokio::test]
    async fn callers_that_break_off_leave_no_connection_behind_that_nobody_can_use() {
        let (cable, location) = behind_a_cable().await;
        let store = Database::open(&location, "thing", SCHEMA).await.unwrap();
        insert(&store, 1).await.unwrap();
        let readers = [store.read().await.unwrap(), store.read().await.unwrap()];
        cable.silence();
        for mut reader in readers {
            assert!(timeout(&SystemClock, Duration::from_millis(20), reader.query(COUNT).scalar::<i64>()).await.is_err());
        }
        let brief = async || timeout(&SystemClock, Duration::from_millis(200), count(&store)).await;
        let answered = async {
            loop {
                if let Ok(found) = brief().await {
                    return found.unwrap();
                }
            }
        };
        assert_eq!(timeout(&SystemClock, DEADLINE, answered).await.unwrap(), 1);
    }

    /// As a hospital's file is when its rows are more than the line holds: the operating system takes no more of them, and what closes a connection would
    /// first send the rest.
    #[tokio::test]
    async fn what_could_not_be_sent_is_given_up_as_well() {
        let (cable, location) = behind_a_cable().await;
        let store = Database::open(&location, "thing", SCHEMA).await.unwrap();
        let mut transaction = store.write().await.unwrap();
        let mut send = async |bytes: usize| transaction.query("SELECT length(?)").bind("x".repeat(bytes)).execute().await;
        // What is sent for the first time, the server is asked about first.
        send(1).await.unwrap();
        cable.silence();
        let answer = send(32 << 20).await;
        assert!(matches!(answer, Err(StoreError::Silent { .. })), "{answer:?}");
        drop(transaction);
        sooner_or_later(async || insert(&store, 1).await).await;
    }

    /// As at night, when a firewall forgets whoever says nothing.
    #[tokio::test]
    async fn a_line_that_fell_silent_while_nobody_used_it_is_not_used_again() {
        let (cable, location) = behind_a_cable().await;
        let store = Database::open(&location, "thing", SCHEMA).await.unwrap();
        insert(&store, 1).await.unwrap();
        assert_eq!(count(&store).await.unwrap(), 1);
        cable.silence();
        sleep(&SystemClock, ALIVE_FOR * 2).await;
        insert(&store, 2).await.unwrap();
        assert_eq!(count(&store).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_store_stays_with_its_process_when_the_line_falls_silent() {
        let (cable, location) = behind_a_cable().await;
        let stores = ["thing".to_owned()];
        let mut lock = StoreLock::take(&location, &stores, Company::Alone).await.unwrap();
        cable.silence();
        let held = async { while !matches!(timeout(&SystemClock, Duration::from_millis(300), lock.hold()).await, Ok(Ok(()))) {} };
        timeout(&SystemClock, DEADLINE, held).await.unwrap();
        let second = StoreLock::take(&cable.url().parse().unwrap(), &stores, Company::Alike).await;
        assert!(matches!(second, Err(StoreError::Locked { .. })), "{second:?}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_waited_for_so_long() {
        let (cable, location) = behind_a_cable().await;
        cable.freeze(true);
        let lock = StoreLock::take(&location, &["thing".to_owned()], Company::Alone).await;
        assert!(matches!(lock, Err(StoreError::Silent { .. })), "{lock:?}");
    }

    /// What goes over TCP alone is asked for in tests/live/tests/tls.rs.
    #[tokio::test]
    async fn the_writer_is_not_left_to_a_transaction_of_which_nothing_more_is_heard() {
        let idle = |connection| async move {
            let mut connection: Connection = connection;
            connection.query("SHOW idle_in_transaction_session_timeout").scalar::<String>().await.unwrap()
        };
        let store = Database::open(test_server::database().await.unwrap(), "thing", SCHEMA).await.unwrap();
        assert_eq!(idle(store.write().await.unwrap().connection).await, "1min");
        assert_eq!(idle(store.read_one_moment().await.unwrap()).await, "0", "an export may be read slowly");
    }
}
